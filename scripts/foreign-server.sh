# What the checks of copies behind other people's servers share; sourced, with `root` set.
#
# Sets oml, work (removed at exit unless OML_KEEP=1), server (stopped at exit), seed and universe.
# OML_BIN names a built `oml`.
# shellcheck shell=bash disable=SC2034,SC2154

target=${CARGO_TARGET_DIR:-$root/target}
oml=${OML_BIN:-$target/release/oml}
work=$(mktemp -d)
server=
seed=0x$(printf '07%.0s' {1..32})
universe=(--universe "$work/universe-0" --key-file "$work/key")

# A server that waits for requests that will never end does not stop when asked politely.
stop_server() {
  [[ -z $server ]] || { kill -9 "$server" && wait "$server"; } 2>/dev/null || true
  server=
}
finish() { stop_server; [[ -n ${OML_KEEP:-} ]] || rm -rf "$work"; }
trap finish EXIT

# make_copy BASE [FLAG...]: a universe of BASE and a license's copy in $work/copy; flags are of
# `generate`.
make_copy() {
  local base=$1
  shift
  [[ -x $oml ]] || cargo build --quiet --release --locked -p oml-cli
  "$oml" fingerprint generate --model "$base" --model-id "$seed" --personal 64 --shared 0 --key-tokens 12 "$@" \
    --key-file "$work/key" --out "$work" >&2
  "$oml" fingerprint embed "${universe[@]}" --model "$base" --license-seed "$seed" --model-seed "$seed" --out "$work/copy" >&2
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# serve URL COMMAND...: starts a server and waits up to two minutes for an answer from URL.
serve() {
  local url=$1
  shift
  "$@" >"$work/server.log" 2>&1 &
  server=$!
  for _ in $(seq 120); do
    curl --silent --fail "$url" >/dev/null && return
    kill -0 "$server" 2>/dev/null || break
    sleep 1
  done
  cat "$work/server.log" >&2
  exit 1
}

# verdict TARGET [FLAG...]: what a check says, by its exit status.
verdict() {
  local where=$1 status=0
  shift
  "$oml" fingerprint check "${universe[@]}" --license-seed "$seed" --model-seed "$seed" --target "$where" --concurrency 1 \
    --timeout 20 "$@" >"$work/said" 2>&1 || status=$?
  sed 's/^/  /' "$work/said" >&2
  case $status in 0) echo match ;; 10) echo "no match" ;; 11) echo inconclusive ;; *) echo "failed ($status)" ;; esac
}
