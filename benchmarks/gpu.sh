#!/usr/bin/env bash
# Everything that needs a GPU, in less than 8 minutes: benchmarks/gpu.sh OUT_DIR [--smoke]
#
# Runs from the source tree with nothing installed but torch, triton, torchvision, scikit-learn, scipy, pluggy, click, rich and pytest.
# OUT_DIR gets at most 8 small files. With DATA_ROOT set to a folder that holds Fashion-MNIST, that is trained too. PYTHON names the interpreter.
# --smoke does the same with tiny sizes on whatever device there is; what cannot run without a GPU says why, and is no failure.
# Exit code: 0 when every part ended with 0, 1 when one did not, 2 for a wrong call.
set -u

usage() { echo "usage: benchmarks/gpu.sh OUT_DIR [--smoke]" >&2; exit 2; }
out='' smoke=''
for argument in "$@"; do
  case $argument in
    --smoke) smoke=--smoke ;;
    -*) usage ;;
    *) [ -z "$out" ] || usage; out=$argument ;;
  esac
done
[ -n "$out" ] || usage
mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$(command -v python3 || command -v python)}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$root:$root/kernels:$root/plugins"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NO_COLOR=1 COLUMNS=160
export TMPDIR=$scratch GANBENCH_CACHE=$scratch/cache TORCHINDUCTOR_CACHE_DIR=$scratch/inductor TRITON_CACHE_DIR=$scratch/triton
export CUBLAS_WORKSPACE_CONFIG=:4096:8  # deterministic runs need it before cuBLAS starts
if [ -n "${DATA_ROOT:-}" ]; then
  GANBENCH_DATA=$(cd "$DATA_ROOT" && pwd) || exit 2
  export GANBENCH_DATA
fi
all_seconds=465 test_seconds=110  # what the parts take together at most; the summary needs a few more
[ -z "$smoke" ] || all_seconds=1800 test_seconds=900  # a CPU interprets the kernels

# part NAME SECONDS COMMAND...: run one part under its own limit, and under what is left of the whole.
part() {
  local name=$1 limit=$2 began=$SECONDS left=$((all_seconds - SECONDS)) rc
  shift 2
  [ "$left" -ge "$limit" ] || limit=$left
  echo
  echo "== $name (at $began s, at most $limit s)"
  if [ "$limit" -lt 5 ]; then
    echo "no time is left for it"
    rc=124
  else
    timeout -k 5 "$limit" env PART_SECONDS="$limit" "$@"
    rc=$?
    [ "$rc" -ne 124 ] && [ "$rc" -ne 137 ] || echo "stopped: it took more than $limit s"
  fi
  printf '%s\t%s\t%s\n' "$name" "$rc" "$((SECONDS - began))" >>"$scratch/parts.tsv"
}

ganbench() { part "$1" "$2" "$python" -m ganbench "${@:3}"; }
script() { part "$1" "$2" "$python" "$root/benchmarks/$3" "${@:4}"; }

main() {
  cd "$scratch" || return 1
  script machine 30 gpu_machine.py "$out/machine.json"
  cd "$root" || return 1
  script tests $test_seconds gpu_tests.py "$out/tests.json" tests/kernels/ops tests/gpu tests/data/test_capture.py
  cd "$scratch" || return 1
  if [ -n "$smoke" ]; then
    local device=auto small='-o generator_width=8 -o discriminator_width=8'
    ganbench "bench kernels" 400 bench kernels --quick --json "$out/kernels.json"
    # shellcheck disable=SC2086
    ganbench "bench step dcgan-32" 300 bench step --plugin dcgan-32 --batch-size 8 --precision fp32 --quick --json "$out/step_dcgan32_fp32.json" $small
    # shellcheck disable=SC2086
    ganbench "bench step dcgan-64" 300 bench step --plugin dcgan-64 --batch-size 8 --precision bf16 --quick --json "$out/step_dcgan64_bf16.json" $small
  else
    ganbench "bench kernels" 100 bench kernels --seconds 85 --json "$out/kernels.json"
    ganbench "bench step dcgan-32" 65 bench step --seconds 50 --plugin dcgan-32 --batch-size 64 --precision fp32 --json "$out/step_dcgan32_fp32.json"
    ganbench "bench step dcgan-64" 65 bench step --seconds 50 --plugin dcgan-64 --batch-size 128 --precision bf16 --json "$out/step_dcgan64_bf16.json"
  fi
  script runs 300 gpu_runs.py "$out/runs.json" "$scratch/runs" $smoke
  "$python" "$root/benchmarks/gpu_summary.py" "$scratch/parts.tsv" "$out" "$SECONDS"
}

main 2>&1 | tee "$out/log.txt"
exit "${PIPESTATUS[0]}"
