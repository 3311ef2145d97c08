#!/usr/bin/env bash
# Builds the contracts, exports their ABI to the bindings and builds the `oml` binary.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:$HOME/.cargo/bin"

scripts/export-abi.sh
cargo build --release --locked -p oml-cli
