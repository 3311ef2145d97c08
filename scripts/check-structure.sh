#!/usr/bin/env bash
# Layers, circles, names, sizes, documents and words; see tests/structure/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec cargo run --quiet --locked --package oml-structure -- check "$@"
