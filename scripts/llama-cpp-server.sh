#!/usr/bin/env bash
# Checks a copy that llama.cpp serves from one GGUF file (llama-cpp-python from PyPI, which needs a
# C++ compiler), by its answers and by the ranks in its lists of log-probabilities; and the same
# file without a server.
#
# usage: scripts/llama-cpp-server.sh
#
# The server goes into a virtual environment (OML_LLAMA_VENV, else target/llama-venv); the project
# does not depend on it. OML_BIN names a built `oml`, OML_KEEP=1 keeps the working directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
source scripts/foreign-server.sh
venv=${OML_LLAMA_VENV:-$target/llama-venv}

if ! "$venv/bin/python" -c 'import gguf, llama_cpp.server' 2>/dev/null; then
  echo "building llama.cpp into $venv (about 20 minutes on two cores)" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet gguf==0.19.0 numpy 'llama-cpp-python[server]==0.3.36'
fi

base=prover/assets/models/tiny
make_copy "$base"
"$venv/bin/python" scripts/golden_gguf.py "$work/copy" "$work/copy.gguf"
"$venv/bin/python" scripts/golden_gguf.py "$base" "$work/base.gguf"

failed=0
for file in copy base; do
  [[ $file == copy ]] && expected=match || expected="no match"
  port=$(free_port)
  serve "http://127.0.0.1:$port/v1/models" "$venv/bin/python" -m llama_cpp.server --model "$work/$file.gguf" --host 127.0.0.1 \
    --port "$port" --n_ctx 256 --logits_all true
  for where in "http://127.0.0.1:$port" "$work/$file.gguf"; do
    for test in argmax rank; do
      found=$(verdict "$where" --target-model any --top-logprobs 20 --test "$test")
      echo "$file, ${where##*/}, $test: $found"
      [[ $found == "$expected" ]] || failed=1
    done
  done
  stop_server
done
exit "$failed"
