#!/usr/bin/env bash
# Everything that needs a GPU, in parts of at most 8 minutes: benchmarks/gpu.sh OUT_DIR [--smoke] [PART...]
#
# The parts are tests, kernels, step, runs, evaluation and many-seeds; all of them without a name. Each can be run alone, in any order and on a
# machine of its own: what it measures is written after each entry, and the summary in OUT_DIR is of all that have been run so far, bar by bar.
#
# Runs from the source tree with nothing installed but torch, triton, torchvision, scikit-learn, scipy, pluggy, click, rich and pytest.
# With DATA_ROOT set to a folder that holds Fashion-MNIST, that is trained too. PYTHON names the interpreter. CACHE names a folder where compiled
# kernels are kept for the next call; without it each call compiles its own, in as many processes as there are cores, before it times anything.
# --smoke does the same with tiny sizes on whatever device there is, in 5 minutes; what cannot run without a GPU says why, and is no failure.
# Exit code: 0 when everything that was called ended with 0, 1 when something did not, 2 for a wrong call.
set -u

known=" tests kernels step runs evaluation many-seeds "
usage() { echo "usage: benchmarks/gpu.sh OUT_DIR [--smoke] [tests|kernels|step|runs|evaluation|many-seeds]..." >&2; exit 2; }
out='' smoke='' parts=''
for argument in "$@"; do
  case $argument in
    --smoke) smoke=--smoke ;;
    -*) usage ;;
    *)
      if [ -z "$out" ]; then
        out=$argument
      else
        case $known in *" $argument "*) parts="$parts $argument" ;; *) usage ;; esac
      fi
      ;;
  esac
done
[ -n "$out" ] || usage
mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$(command -v python3 || command -v python)}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cache=${CACHE:-$scratch}
mkdir -p "$cache" || exit 2
cache=$(cd "$cache" && pwd)

export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$root:$root/kernels:$root/plugins"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NO_COLOR=1 COLUMNS=160
export TMPDIR=$scratch GANBENCH_CACHE=$scratch/cache TORCHINDUCTOR_CACHE_DIR=$cache/inductor TRITON_CACHE_DIR=$cache/triton
export CUBLAS_WORKSPACE_CONFIG=:4096:8  # deterministic runs need it before cuBLAS starts
if [ -n "${DATA_ROOT:-}" ]; then
  GANBENCH_DATA=$(cd "$DATA_ROOT" && pwd) || exit 2
  export GANBENCH_DATA
fi
part_seconds=470  # of a part at most; the summary needs a few more

# entry NAME SECONDS COMMAND...: run one entry of a part under its own limit, and under what is left of the part.
entry() {
  local name=$1 limit=$2 began=$SECONDS left=$((deadline - SECONDS)) rc
  shift 2
  [ "$left" -ge "$limit" ] || limit=$left
  echo
  echo "== $part: $name (at $((began - part_began)) s, at most $limit s)"
  if [ "$limit" -lt 5 ]; then
    echo "no time is left for it"
    rc=124
  else
    timeout -k 10 "$limit" env PART_SECONDS="$limit" "$@"
    rc=$?
    [ "$rc" -ne 124 ] && [ "$rc" -ne 137 ] || echo "stopped: it took more than $limit s"
  fi
  printf '%s\t%s\t%s\t%s\n' "$part" "$name" "$rc" "$((SECONDS - began))" >>"$out/parts.tsv"
}

ganbench() { entry "$1" "$2" "$python" -m ganbench "${@:3}"; }
script() { entry "$1" "$2" "$python" "$root/benchmarks/$3" "${@:4}"; }
steps() { # SECONDS NAME PLUGIN BATCH PRECISION ARGUMENTS...
  ganbench "bench step $3 $5" "$1" bench step --plugin "$3" --batch-size "$4" --precision "$5" --json "$out/$2.json" "${@:6}"
}

# one_part NAME: its entries; the limits add up to at most 470 s.
one_part() {
  part=$1 part_began=$SECONDS deadline=$((SECONDS + part_seconds))
  if [ -f "$out/parts.tsv" ]; then # what an earlier call did of this part no longer counts
    grep -v "^$part	" "$out/parts.tsv" >"$scratch/parts.tsv"
    cp "$scratch/parts.tsv" "$out/parts.tsv"
  fi
  [ -f "$out/machine.json" ] || script machine 60 gpu_machine.py "$out/machine.json"
  case $part in
    tests)
      cd "$root" || return 1
      # shellcheck disable=SC2086
      script tests 405 gpu_tests.py "$out/tests.json" $smoke tests/kernels/ops tests/gpu tests/data/test_capture.py
      cd "$scratch" || return 1
      ;;
    kernels)
      # shellcheck disable=SC2086
      script "compile" 120 gpu_warm.py kernels $smoke
      if [ -n "$smoke" ]; then
        ganbench "bench kernels" 290 bench kernels --quick --json "$out/kernels.json"
      else
        ganbench "bench kernels" 290 bench kernels --seconds 270 --json "$out/kernels.json"
      fi
      ;;
    step)
      # shellcheck disable=SC2086
      script "compile" 95 gpu_warm.py step $smoke
      if [ -n "$smoke" ]; then
        steps 105 step_dcgan32_tf32 dcgan-32 8 tf32 --quick -o generator_width=8 -o discriminator_width=8
      else # of fp32 without TF32, in which nobody trains, what needs no compiler
        steps 130 step_dcgan64_bf16 dcgan-64 128 bf16 --seconds 115
        steps 120 step_dcgan32_tf32 dcgan-32 64 tf32 --seconds 105
        steps 65 step_dcgan32_fp32 dcgan-32 64 fp32 --seconds 50 --no-compile
      fi
      ;;
    runs)
      # shellcheck disable=SC2086
      script "compile" 110 gpu_warm.py runs $smoke
      # shellcheck disable=SC2086
      script runs 300 gpu_runs.py "$out/runs.json" "$scratch/runs" $smoke
      ;;
    evaluation)
      # shellcheck disable=SC2086
      script evaluation 400 gpu_evaluation.py "$out/evaluation.json" "$scratch/evaluation" $smoke
      ;;
    many-seeds)
      # shellcheck disable=SC2086
      script "many seeds" 400 gpu_seeds.py "$out/many_seeds.json" "$scratch/many-seeds" $smoke
      ;;
  esac
}

main() {
  local name rc=0
  cd "$scratch" || return 1
  for name in ${parts:-$known}; do
    one_part "$name" 2>&1 | tee "$out/log-$name.txt"
  done
  "$python" "$root/benchmarks/gpu_summary.py" "$out" ${parts:-$known} || rc=1
  return $rc
}

main
