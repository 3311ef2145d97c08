#!/usr/bin/env bash
# Everything CI runs. Each step runs even if an earlier one failed; the end lists what the test
# runners said and which steps failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
export PATH="$PATH:$HOME/.cargo/bin"
# One target directory and one profile, so that nothing is built twice.
export CARGO_TERM_PROGRESS_WHEN=never CARGO_INCREMENTAL=0
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
failed=()

# step NAME COMMAND...: quiet unless it fails.
step() {
    local name=$1 started=$SECONDS log
    shift
    log="$logs/${name// /-}.log"
    printf '==> %s\n' "$name"
    if "$@" >"$log" 2>&1; then
        printf '    ok, %d s\n' $((SECONDS - started))
    else
        failed+=("$name")
        tail -n 150 "$log"
        printf '    FAILED after %d s: %s\n' $((SECONDS - started)) "$*"
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

scripts/setup.sh --tests || exit 2
forge=(contracts/tooling/bin/forge)
step "rust format" cargo fmt --all --check
step "solidity format" "${forge[@]}" fmt --root contracts --check
step "structure" cargo run --quiet --locked -p oml-structure -- check
step "contract build" env FOUNDRY_DENY=warnings "${forge[@]}" build --root contracts --force --sizes --skip test
step "abi" scripts/export-abi.sh --check
step "contract tests" "${forge[@]}" test --root contracts
step "trees" python3 contracts/tooling/check-trees.py
step "gas" gas_gates
step "coverage" scripts/coverage.sh
not_run=()
if python_tools >"$logs/python-tools.log" 2>&1; then
    step "symbolic" scripts/symbolic.sh
    step "static analysis" scripts/slither.sh
else
    tail -n 5 "$logs/python-tools.log"
    not_run+=("symbolic and static analysis (they need python3 with venv, and PyPI)")
fi
step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
step "docs" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
step "rust tests" rust_tests
step "doc tests" cargo test --workspace --locked --doc
if cargo deny --version >/dev/null 2>&1; then
    step "dependencies" cargo deny --offline check bans licenses sources
fi

printf '\n==> contract tests\n'
closing_lines contract-tests
closing_lines coverage
closing_lines symbolic
closing_lines static-analysis
printf '==> rust tests\n'
closing_lines rust-tests
closing_lines doc-tests
[ ${#not_run[@]} -eq 0 ] || printf 'NOT RUN: %s\n' "${not_run[@]}"
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED after %d s: %s\n' "$SECONDS" "$(IFS=,; echo "${failed[*]}")"
    exit 1
fi
printf 'all steps passed in %d s\n' "$SECONDS"
