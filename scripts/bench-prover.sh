#!/usr/bin/env bash
# Prints the speed table of the prover next to PyTorch and transformers, on this machine, in one
# run.
#
# usage: scripts/bench-prover.sh [--quick] [--only answers,screen,embedding,universe,memory,sgemm]
#
# The reference comes from PyPI into a virtual environment (OML_BENCH_VENV, else target/bench-venv);
# the project itself does not depend on it. Two threads on both sides unless OML_BENCH_THREADS says
# otherwise.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
venv=${OML_BENCH_VENV:-$target/bench-venv}
threads=${OML_BENCH_THREADS:-2}

if ! "$venv/bin/python" -c 'import torch, transformers' 2>/dev/null; then
  echo "installing the reference into $venv (several GB)" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r scripts/bench-requirements.txt
fi
cargo build --quiet --release --locked -p oml-prover --example bench_engine
export RAYON_NUM_THREADS=$threads OMP_NUM_THREADS=$threads MKL_NUM_THREADS=$threads
export TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
exec "$venv/bin/python" scripts/bench_prover.py \
  --engine "$target/release/examples/bench_engine" --threads "$threads" --work "$target/bench-models" "$@"
