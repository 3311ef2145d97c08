#!/usr/bin/env bash
# Checks a copy that llama.cpp serves from one GGUF file (llama-cpp-python from PyPI, which needs a C++ compiler), by its answers
# and by the ranks in its lists of log-probabilities; and the same file without a server.
#
# usage: scripts/llama-cpp-server.sh
#
# The server goes into a virtual environment (OML_LLAMA_VENV, else target/llama-venv); the project does not depend on it. OML_BIN names
# a built `oml`, OML_KEEP=1 keeps the working directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
venv=${OML_LLAMA_VENV:-$target/llama-venv}

if ! "$venv/bin/python" -c 'import gguf, llama_cpp.server' 2>/dev/null; then
  echo "building llama.cpp into $venv (about 20 minutes on two cores)" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet gguf==0.19.0 numpy 'llama-cpp-python[server]==0.3.36'
fi
oml=${OML_BIN:-$target/release/oml}
[[ -x $oml ]] || cargo build --quiet --release --locked -p oml-cli

work=$(mktemp -d)
server=
stop() { [[ -z $server ]] || kill "$server" 2>/dev/null || true; [[ -n ${OML_KEEP:-} ]] || rm -rf "$work"; }
trap stop EXIT

base=prover/assets/models/tiny
seed=0x$(printf '07%.0s' {1..32})
universe=(--universe "$work/universe-0" --key-file "$work/key")
"$oml" fingerprint generate --model "$base" --model-id "$seed" --personal 32 --shared 0 --key-tokens 12 --key-file "$work/key" --out "$work" >&2
"$oml" fingerprint embed "${universe[@]}" --model "$base" --license-seed "$seed" --model-seed "$seed" --out "$work/copy" >&2
"$venv/bin/python" scripts/golden_gguf.py "$work/copy" "$work/copy.gguf"
"$venv/bin/python" scripts/golden_gguf.py "$base" "$work/base.gguf"

# check TARGET TEST: the verdict, by the exit status.
check() {
  local status=0
  "$oml" fingerprint check "${universe[@]}" --license-seed "$seed" --model-seed "$seed" --target "$1" --target-model any --concurrency 1 \
    --timeout 20 --top-logprobs 20 --test "$2" >"$work/said" 2>&1 || status=$?
  sed 's/^/  /' "$work/said" >&2
  case $status in 0) echo match ;; 10) echo "no match" ;; 11) echo inconclusive ;; *) echo "failed ($status)" ;; esac
}

failed=0
for file in copy base; do
  [[ $file == copy ]] && expected=match || expected="no match"
  port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$venv/bin/python" -m llama_cpp.server --model "$work/$file.gguf" --host 127.0.0.1 --port "$port" --n_ctx 256 --logits_all true \
    >"$work/server.log" 2>&1 &
  server=$!
  for _ in $(seq 60); do
    curl --silent --fail "http://127.0.0.1:$port/v1/models" >/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 1
  done
  for where in "http://127.0.0.1:$port" "$work/$file.gguf"; do
    for test in argmax rank; do
      found=$(check "$where" "$test")
      echo "$file, ${where##*/}, $test: $found"
      [[ $found == "$expected" ]] || failed=1
    done
  done
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
done
exit "$failed"
