#!/usr/bin/env bash
# Static analysis of contracts/src with slither, in a virtual environment of its own.
# contracts/tooling/slither.answers.json answers findings, each by detector and a pattern of its
# text; a finding without an answer, or an answer without a finding, fails. With --all every finding
# is printed with its answer; --install stops when all is installed. OML_VENVS names the folder of
# the environments.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venvs=${OML_VENVS:-$root/target/venvs}
venv=$venvs/slither-0.11.6
if [ ! -x "$venv/bin/slither" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check slither-analyzer==0.11.6
fi
[ "${1:-}" != --install ] || exit 0

export PATH="$root/contracts/tooling/bin:$venv/bin:$PATH"
export FOUNDRY_OUT=cache/slither/out FOUNDRY_CACHE_PATH=cache/slither/cache FOUNDRY_PROFILE=default
# Sources alone, as they are written.
export FOUNDRY_TEST=src FOUNDRY_SCRIPT=src FOUNDRY_DYNAMIC_TEST_LINKING=false
cd "$root/contracts"
rm -rf cache/slither/out/build-info
forge build --force --build-info --build-info-path cache/slither/out/build-info >/dev/null
log=cache/slither/log
rm -f cache/slither/findings.json
slither . --ignore-compile --foundry-out-directory "$FOUNDRY_OUT" --no-fail-pedantic \
    --filter-paths '(node_modules/|src/testing/)' --json cache/slither/findings.json \
    --exclude naming-convention,solc-version,assembly,low-level-calls,timestamp,pragma,uninitialized-local >"$log" 2>&1 || true

SHOW=${1:-} python3 - <<'PY'
import json, os, re, sys

try:
    report = json.load(open("cache/slither/findings.json"))
except (OSError, ValueError) as error:
    sys.exit(f"slither: it wrote no findings ({error}); see contracts/cache/slither/log")
if not report.get("success"):
    sys.exit(f"slither: {report.get('error')}")
findings = report["results"].get("detectors", [])
answers = json.load(open("tooling/slither.answers.json"))
used, open_findings = set(), []
for finding in findings:
    text = " ".join(finding["description"].split())
    found = [i for i, a in enumerate(answers) if a["detector"] == finding["check"] and re.search(a["text"], text)]
    if not found:
        open_findings.append(f"{finding['impact']} {finding['check']}: {text[:400]}")
        continue
    used.add(found[0])
    if os.environ["SHOW"] == "--all":
        print(f"{finding['check']}: {text[:200]}\n    answer: {answers[found[0]]['answer']}")
stale = [a for i, a in enumerate(answers) if i not in used]
for line in open_findings:
    print(f"not answered: {line}")
for answer in stale:
    print(f"answers nothing any more: {answer['detector']} {answer['text']}")
print(f"slither: {len(findings)} findings, {len(findings) - len(open_findings)} answered, {len(stale)} stale answers")
sys.exit(1 if open_findings or stale else 0)
PY
