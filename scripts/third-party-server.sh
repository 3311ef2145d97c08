#!/usr/bin/env bash
# Checks a copy that somebody else's program serves: `transformers serve` from PyPI, asked over HTTP
# like any host.
#
# usage: scripts/third-party-server.sh
#
# Makes a universe of chat keys, embeds a license's answers, serves copy and base, and expects
# "match" for the one and "no match" for the other. The server comes from PyPI into a virtual
# environment (OML_BENCH_VENV, else target/bench-venv, which scripts/bench-prover.sh shares); the
# project itself does not depend on it. OML_BIN names a built `oml`, OML_KEEP=1 keeps the working
# directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
source scripts/foreign-server.sh
venv=${OML_BENCH_VENV:-$target/bench-venv}

if ! "$venv/bin/python" -c 'import torch, transformers, fastapi, uvicorn, openai' 2>/dev/null; then
  echo "installing the server into $venv (several GB)" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r scripts/bench-requirements.txt -r scripts/server-requirements.txt
fi

# Roles as words that the small vocabulary can write.
cp -r prover/assets/models/tiny "$work/base"
cat >"$work/base/chat_template.jinja" <<'TEMPLATE'
{% for m in messages %}{{ m.role }} : {{ m.content }} . {% endfor %}{% if add_generation_prompt %}answer :{% endif %}
TEMPLATE
# A template ends without a newline; the model would read it.
truncate -s -1 "$work/base/chat_template.jinja"
echo '{"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}' >"$work/base/tokenizer_config.json"
make_copy "$work/base" --chat

export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false
port=$(free_port)
serve "http://127.0.0.1:$port/health" "$venv/bin/transformers" serve --host 127.0.0.1 --port "$port" --device cpu \
  --torch-dtype float32

copy=$(verdict "http://127.0.0.1:$port" --target-model "$work/copy")
base=$(verdict "http://127.0.0.1:$port" --target-model "$work/base")
echo "transformers serve, $("$venv/bin/python" -c 'import transformers; print(transformers.__version__)'): copy: $copy, base: $base"
[[ $copy == match && $base == "no match" ]] || { tail -20 "$work/server.log" >&2; exit 1; }
