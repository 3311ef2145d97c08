#!/usr/bin/env bash
# Line and branch coverage of contracts/src by the concrete tests, attacks, flows and fuzz. Prints
# every file below 100 %, what it misses, and the sum; fails if fewer than 99 % of the branches are
# covered. One test can't pass in a build for coverage, which has no optimizer: that of the size
# limit. Its failure is named.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root/contracts"
report=cache/coverage.info
mkdir -p cache
# A failed test does not matter here, a missing report does.
rm -f "$report"
tooling/bin/forge coverage --report lcov --report-file "$report" --no-match-path 'test/{gas,symbolic,invariant}/**' >cache/coverage.log 2>&1 || true
[ -s "$report" ] || {
    tail -20 cache/coverage.log >&2
    exit 1
}
grep -E '^\[FAIL' cache/coverage.log | sort -u || true
python3 - "$report" <<'PY'
import sys
from collections import defaultdict

lines, branches = defaultdict(dict), defaultdict(dict)
for record in open(sys.argv[1], encoding="utf-8"):
    kind, _, rest = record.strip().partition(":")
    if kind == "SF":
        name = rest
    elif kind == "DA":
        line, count = rest.split(",")[:2]
        lines[name][int(line)] = int(count)
    elif kind == "BRDA":
        line, block, branch, count = rest.split(",")
        branches[name][int(line), block, branch] = 0 if count == "-" else int(count)
sums = [0, 0, 0, 0]
for name in sorted(lines):
    # What is only for tests is not part of a deployment.
    if not name.startswith("src/") or name.startswith("src/testing/"):
        continue
    missed = sorted(line for line, count in lines[name].items() if not count)
    unseen = sorted({key[0] for key, count in branches[name].items() if not count})
    taken = sum(1 for count in branches[name].values() if count)
    sums = [a + b for a, b in zip(sums, (len(lines[name]), len(missed), len(branches[name]), taken))]
    if missed or unseen:
        print(f"{name}: lines not reached {missed}, branches not taken at {unseen}")
total, missed, all_branches, taken = sums
print(f"lines {total - missed} of {total} ({100 * (total - missed) / total:.2f} %), branches {taken} of {all_branches} ({100 * taken / all_branches:.2f} %)")
sys.exit(taken < 0.99 * all_branches)
PY
