#!/usr/bin/env bash
# Everything CI runs. What is about Solidity runs beside what is about Rust: its compiler uses one
# core. Each step runs even if an earlier one failed; the end lists what the test runners said and
# which steps failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
export PATH="$PATH:$HOME/.cargo/bin"
# One target directory and one profile, so that nothing is built twice.
export CARGO_TERM_PROGRESS_WHEN=never CARGO_INCREMENTAL=0
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
logs=$(mktemp -d)
# An interrupted run leaves nothing of the other side running on.
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$logs"' EXIT

# step NAME COMMAND...: says how long it took and how much of a processor, and what it printed if it
# failed.
step() {
    local name=$1 log spent status TIMEFORMAT='%R %U %S'
    shift
    log="$logs/${name// /-}.log"
    # Only `time` writes to the outer stderr.
    spent=$({ time "$@" >"$log" 2>&1; } 2>&1)
    status=$?
    spent=$(awk '{ printf "%d s, processor %d s", $1, $2 + $3 }' <<<"$spent")
    if [ $status -eq 0 ]; then
        printf 'ok      %s: %s\n' "$name" "$spent"
    else
        echo "$name" >>"$logs/failed"
        printf 'FAILED  %s: %s: %s\n%s\n' "$name" "$spent" "$*" "$(tail -n 150 "$log")"
    fi
}

rust_tests() {
    # The end-to-end tests run the binary.
    cargo build --locked -p oml-cli --bin oml || return 1
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --locked --profile ci
    else
        cargo test --workspace --locked --no-fail-fast --lib --bins --tests
    fi
}

# Every operation against the floor of the gas schedules; only the gas tests and what they need are
# compiled.
gas_gates() {
    local others=(concrete fuzz invariant attacks flows differential symbolic) skip=()
    for folder in "${others[@]}"; do skip+=(--skip "test/$folder/**"); done
    FOUNDRY_PROFILE=gas contracts/tooling/bin/forge test --root contracts --match-path 'test/gas/*' \
        "${skip[@]}" || return 1
    python3 scripts/gas-floor.py --self-test && python3 scripts/gas-floor.py
}

# What the runners themselves said about the tests named in $1.
closing_lines() {
    [ -f "$logs/$1.log" ] || return 0
    sed 's/\x1b\[[0-9;]*m//g' "$logs/$1.log" |
        grep -E '^ *(Ran [0-9]+ test suite|Summary \[|(Symbolic )?test result:|lines [0-9]|slither:)' || true
}

# Programs in Python for contracts, in environments inside of the target directory.
python_tools() { scripts/symbolic.sh --install && scripts/slither.sh --install; }

about_solidity() {
    local forge=(contracts/tooling/bin/forge)
    step "solidity format" "${forge[@]}" fmt --root contracts --check
    step "contract build" env FOUNDRY_DENY=warnings "${forge[@]}" build --root contracts --force --sizes --skip test
    step "abi" scripts/export-abi.sh --check
    step "contract tests" "${forge[@]}" test --root contracts
    step "trees" python3 contracts/tooling/check-trees.py
    step "gas" gas_gates
    step "coverage" scripts/coverage.sh
    if python_tools >"$logs/python-tools.log" 2>&1; then
        step "symbolic" scripts/symbolic.sh
        step "static analysis" scripts/slither.sh
    else
        tail -n 5 "$logs/python-tools.log"
        echo "symbolic and static analysis (they need python3 with venv, and PyPI)" >"$logs/not-run"
    fi
}

about_rust() {
    step "rust format" cargo fmt --all --check
    step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
    step "docs" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
    step "rust tests" rust_tests
    step "structure" cargo run --quiet --locked -p oml-structure -- check
    step "doc tests" cargo test --workspace --locked --doc
    if cargo deny --version >/dev/null 2>&1; then
        step "dependencies" cargo deny --offline check bans licenses sources
    fi
}

scripts/setup.sh --tests || exit 2
about_solidity &
about_rust
wait

printf '\n==> contract tests\n'
closing_lines contract-tests
closing_lines coverage
closing_lines symbolic
closing_lines static-analysis
printf '==> rust tests\n'
closing_lines rust-tests
closing_lines doc-tests
[ ! -s "$logs/not-run" ] || printf 'NOT RUN: %s\n' "$(cat "$logs/not-run")"
if [ -s "$logs/failed" ]; then
    printf 'FAILED after %d s: %s\n' "$SECONDS" "$(paste -sd, "$logs/failed")"
    exit 1
fi
printf 'all steps passed in %d s\n' "$SECONDS"
