#!/usr/bin/env bash
# Plays the cheat and the innocent host over and over, each time on a fresh chain with fresh seeds,
# and counts the verdicts. Usage: scripts/seeds.sh [RUNS] [options of `oml demo`]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
runs=20
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    runs=$1
    shift
fi
[ -x target/release/oml ] || { scripts/setup.sh && scripts/build.sh; }
exec target/release/oml demo --runs "$runs" --acts 4,5 "$@"
