#!/usr/bin/env bash
# Which layer may use what, how long a file may be, and which words may not appear.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
failures=0

fail() {
    printf 'layers: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '    %s\n' "${2//$'\n'/$'\n'    }" >&2
    failures=$((failures + 1))
}

# Tracked files and new ones that git does not ignore, by name pattern; those removed are left out.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# Code of the Rust files given on stdin without comments, test modules and test files.
production_code() {
    grep -Ev '(^|/)(tests?|testing|benches|examples)(/|\.rs$)' | while read -r file; do
        awk -v file="$file" '
            /^#\[cfg\(.*test.*\)\]/ { exit }
            /^[ \t]*\/\// { next }
            { print file ":" FNR ": " $0 }' "$file"
    done
}

# only PATTERN WHAT ALLOWED FILES...: production code matches PATTERN nowhere but in files whose
# path matches ALLOWED.
only() {
    local pattern=$1 what=$2 allowed=$3 found
    shift 3
    found=$(files "$@" | grep -Ev "$allowed" | production_code | grep -E "$pattern" || true)
    [ -z "$found" ] || fail "$what" "$found"
}

manifest_only() {
    local pattern=$1 what=$2 allowed=$3 found
    found=$(files '*/Cargo.toml' | grep -Ev "$allowed" | xargs grep -nE "^$pattern" || true)
    [ -z "$found" ] || fail "$what" "$found"
}

# Dependencies
manifest_only '(candle|gemm|safetensors)' 'only engine may depend on candle, and tests of prover' '^prover/'
manifest_only 'sqlx' 'only node may depend on sqlx' '^node/'
manifest_only '(axum|tower-http)' 'only node serves HTTP' '^(node|tests)/'
manifest_only 'oml-(node|cli|tests)' 'nothing points back to node, cli or tests' '^(cli|tests)/'
manifest_only 'oml-prover' 'contracts/bindings and engine may not depend on prover' '^(node|cli|tests)/'
manifest_only 'oml-' 'engine depends on no other crate of this workspace' '^(contracts|prover/Cargo|node|cli|tests)'
if tree=$(cargo tree --locked -p oml-prover -e normal --prefix none); then
    network=$(grep -E '^(alloy-(provider|transport|rpc-client)|sqlx|oml-node) ' <<<"$tree" || true)
    [ -z "$network" ] || fail 'prover must build without RPC and without a database' "$network"
else
    fail 'could not read the dependencies of prover; see above'
fi

# Imports
only '\bcandle_(core|nn)\b' 'candle outside prover/engine' '^prover/engine/' '*.rs'
only '\bsqlx::' 'SQL outside node/src/store' '^node/src/store(/|\.rs)' '*.rs'
only '\b(alloy::(providers|transports|rpc::client)|ProviderBuilder|RpcClient)\b' \
    'RPC outside node/src/chain and cli' '^(node/src/chain(/|\.rs)|contracts/bindings/src/rpc/|cli/|tests/)' '*.rs'
only '\b((PrivateKeySigner|LocalSigner|MnemonicBuilder)::|parse::<PrivateKeySigner>)' \
    'signing keys made outside node/src/chain/sender and the signer module of cli' \
    '^(node/src/chain/sender|cli/client/src/signer|contracts/verify/reference/|tests/)' '*.rs'
# A command of the CLI runs to its end in its own process, so what it spawns has no node to stop.
only '\b(tokio|task)::(spawn|spawn_blocking)\b' 'tasks are spawned by node/src/tasks alone' \
    '^(node/src/tasks(/|\.rs)|cli/|tests/)' '*.rs'

# Length of files
while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 700 ] || fail "$file has $lines lines, 700 is the limit"
done < <(files '*.rs' '*.sol' '*.sh' | grep -v '^contracts/bindings/abi/')

# Words. Brackets keep the patterns from finding themselves.
words='TO[D]O|FIX[M]E|XX[X]\b|\bHA[C]K\b|[Ll]icen[c]e|/hom[e]/[a-z]|/roo[t]/'
found=$(files '*.rs' '*.sol' '*.sh' '*.md' '*.toml' '*.sql' '*.html' '*.js' | xargs grep -nE "$words" || true)
[ -z "$found" ] || fail 'words that may not appear' "$found"

[ "$failures" -eq 0 ] || exit 1
echo "layers: ok"
