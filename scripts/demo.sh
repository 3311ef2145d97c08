#!/usr/bin/env bash
# The whole protocol on a local chain, from a bare checkout. Arguments go to `oml demo`.
# The program is built with the profile of the tests, in which only what computes is optimized;
# scripts/build.sh builds one to keep.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
caller=$PWD
target=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}")

"$root/scripts/setup.sh" --compilers
# The local chain comes from npm, while the program is built.
"$root/scripts/setup.sh" &
packages=$!
# Whatever ends the build, npm is not left behind: a second run would install beside it.
trap 'wait "$packages" || true' EXIT
cd "$root"
PATH="$PATH:$HOME/.cargo/bin" cargo build --locked -p oml-cli --target-dir "$target"
wait "$packages"
cd "$caller"
# `oml demo` starts anvil by name.
export PATH="$root/contracts/tooling/bin:$PATH"
exec "$target/debug/oml" demo "$@"
