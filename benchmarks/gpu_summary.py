"""Sum up benchmarks/gpu.sh: each part with its exit code and seconds, the files it left, and one exit code.

``python benchmarks/gpu_summary.py parts.tsv OUT_DIR SECONDS``; writes ``summary.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path


def summary(parts: list[list[str]], out: Path, seconds: str) -> str:
    """Return the summary as Markdown.

    Args:
        parts: name, exit code and seconds of each.
        out: the folder of results.
        seconds: the whole took this long.
    """
    lines = [f"{sum(rc == '0' for _, rc, _ in parts)} of {len(parts)} parts ended with 0, in {seconds} s.", ""]
    lines += ["| part | rc | seconds |", "| --- | --- | --- |", *(f"| {' | '.join(part)} |" for part in parts), ""]
    lines += [f"- {path.name}: {path.stat().st_size / 1024:.1f} KiB" for path in sorted(out.iterdir()) if path.is_file()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rows = [line.split("\t") for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    text = summary(rows, Path(sys.argv[2]), sys.argv[3])
    (Path(sys.argv[2]) / "summary.md").write_text(text, encoding="utf-8")
    print(f"\n== summary\n{text}")
    raise SystemExit(0 if all(rc == "0" for _, rc, _ in rows) else 1)
