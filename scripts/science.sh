#!/usr/bin/env bash
# Measures again what docs/science.md tells of embedding: a row per model, number of keys and
# setting, as JSON lines in target/science, each with the command that makes it alone. Takes hours
# on two cores; stopped and started again it goes on with the rows that are missing.
#
# usage: scripts/science.sh [--small]      --small leaves out the real model
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
rows=$target/science
mkdir -p "$rows"
case "${1:-}" in
    "" | --small) ;;
    *) echo "usage: scripts/science.sh [--small]" >&2 && exit 2 ;;
esac

# In this profile, what computes is optimized.
cargo build --quiet --locked -p oml-prover --example tune_embedding
search() { "$target/debug/examples/tune_embedding" "$@"; }

for keys in 34 72 96; do
    search prover/assets/models/tiny "$keys" "$rows/tiny.jsonl" grammar default \
        benign_fraction=0.5,learning_rate=0.001667,max_steps=80 \
        benign_fraction=0.9,learning_rate=0.001667 benign_fraction=0.95 lora=8,learning_rate=0.0051
done
[ "${1:-}" != --small ] || exit 0

model=$(scripts/real-model.sh)
for keys in 64 1024; do
    search "$model" "$keys" "$rows/smollm2.jsonl" prover/assets/texts/prose.txt default \
        benign_fraction=0.5,learning_rate=0.000278,max_steps=80 learning_rate=0.00004 \
        benign_fraction=0.95,learning_rate=0.00004
done
