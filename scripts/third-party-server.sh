#!/usr/bin/env bash
# Checks a copy that somebody else's program serves: `transformers serve` from PyPI, asked over HTTP like any host.
#
# usage: scripts/third-party-server.sh
#
# Makes a universe of chat keys, embeds a license's answers, serves copy and base, and expects "match" for the one and "no
# match" for the other. The server comes from PyPI into a virtual environment (OML_BENCH_VENV, else target/bench-venv, which
# scripts/bench-prover.sh shares); the project itself does not depend on it. OML_BIN names a built `oml`, OML_KEEP=1 keeps the working
# directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
venv=${OML_BENCH_VENV:-$target/bench-venv}

if ! "$venv/bin/python" -c 'import torch, transformers, fastapi, uvicorn, openai' 2>/dev/null; then
  echo "installing the server into $venv (several GB)" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r scripts/bench-requirements.txt -r scripts/server-requirements.txt
fi
oml=${OML_BIN:-$target/release/oml}
[[ -x $oml ]] || cargo build --quiet --release --locked -p oml-cli

work=$(mktemp -d)
server=
# The server waits for requests that will never end, so it is not asked politely.
stop() { [[ -z $server ]] || kill -9 "$server" 2>/dev/null || true; [[ -n ${OML_KEEP:-} ]] || rm -rf "$work"; }
trap stop EXIT

# Roles as words that the small vocabulary can write.
cp -r prover/assets/models/tiny "$work/base"
cat >"$work/base/chat_template.jinja" <<'TEMPLATE'
{% for m in messages %}{{ m.role }} : {{ m.content }} . {% endfor %}{% if add_generation_prompt %}answer :{% endif %}
TEMPLATE
# A template ends without a newline; the model would read it.
truncate -s -1 "$work/base/chat_template.jinja"
echo '{"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}' >"$work/base/tokenizer_config.json"

seed=0x$(printf '07%.0s' {1..32})
universe=(--universe "$work/universe-0" --key-file "$work/key")
"$oml" fingerprint generate --model "$work/base" --model-id "$seed" --chat --personal 32 --shared 0 --key-tokens 12 \
  --key-file "$work/key" --out "$work" >&2
"$oml" fingerprint embed "${universe[@]}" --model "$work/base" --license-seed "$seed" --model-seed "$seed" \
  --out "$work/copy" >&2

export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/transformers" serve --host 127.0.0.1 --port "$port" --device cpu --torch-dtype float32 \
  >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 120); do
  curl --silent --fail "http://127.0.0.1:$port/health" >/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
  sleep 1
done

# verdict MODEL: what a check of the service says of it, by its exit status.
verdict() {
  local status=0
  "$oml" fingerprint check "${universe[@]}" --license-seed "$seed" --model-seed "$seed" --target "http://127.0.0.1:$port" \
    --target-model "$1" --concurrency 1 --timeout 20 >"$work/said" 2>&1 || status=$?
  sed 's/^/  /' "$work/said" >&2
  case $status in 0) echo match ;; 10) echo "no match" ;; 11) echo inconclusive ;; *) echo "failed ($status)" ;; esac
}

copy=$(verdict "$work/copy")
base=$(verdict "$work/base")
echo "transformers serve, $("$venv/bin/python" -c 'import transformers; print(transformers.__version__)'): copy: $copy, base: $base"
[[ $copy == match && $base == "no match" ]] || { tail -20 "$work/server.log" >&2; exit 1; }
