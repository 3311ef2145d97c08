#!/usr/bin/env bash
# The whole protocol on a local chain, from a bare checkout. Arguments go to `oml demo`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
caller=$PWD

"$root/scripts/setup.sh"
"$root/scripts/build.sh"
cd "$caller"
# `oml demo` starts anvil by name.
export PATH="$root/contracts/tooling/bin:$PATH"
exec "${CARGO_TARGET_DIR:-$root/target}/release/oml" demo "$@"
