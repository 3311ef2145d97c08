#!/usr/bin/env python3
"""Mutation testing of the contracts: do the tests notice a broken line?

    scripts/mutate.py --list                                   how many mutants each file has
    scripts/mutate.py --sample 50 --seed 1                     50 of all, chosen by the seed
    scripts/mutate.py src/libraries/EValue.sol                 every mutant of a file
    scripts/mutate.py --report                                 score and survivors of the results so far

Every mutant changes one place: an operator, a comparison, a constant, a deleted require (or `if … revert`), a deleted
assignment. It runs in a copy of the contracts, first the tests that import the mutated file, then the whole suite
(gas and invariant suites only with --whole-all). A mutant that does not compile says nothing and is left out; one that
runs into the time limit counts as killed, apart. Results are kept line by line in --results, so that a run can be
stopped and goes on where it was; a changed source file makes its old results void.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"

COMPARISONS = {"<=": ["<"], ">=": [">"], "<": ["<="], ">": [">="], "==": ["!="], "!=": ["=="]}
OPERATORS = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<<": [">>"], ">>": ["<<"], "&&": ["||"],
    "||": ["&&"], "&": ["|"], "|": ["&"], "^": ["&"], "+=": ["-="], "-=": ["+="], "|=": ["&="], "&=": ["|="],
    "++": ["--"],
}
TOKEN = re.compile(
    r"(?P<skip>//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|'[^'\n]*'|hex\"[^\"]*\"|\bassembly\b[^{]*)"
    r"|(?P<number>\b0x[0-9a-fA-F_]+\b|\b[0-9][0-9_]*\b)|(?P<word>\b[A-Za-z_$][\w$]*\b)"
    r"|(?P<operator><<=|>>=|=>|->|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|\+=|-=|\*=|/=|\|=|&=|\^=|[-+*/%<>&|^=!~?:;,.(){}\[\]])",
    re.S,
)
DECLARATIONS = re.compile(r"^\s*(pragma|import|using|type|event|error|struct|enum)\b")


class Mutant:
    def __init__(self, path, source, start, end, new, kind):
        self.path, self.start, self.end, self.new, self.kind = path, start, end, new, kind
        self.line = source.count("\n", 0, start) + 1
        self.old = source[start:end]
        digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        key = f"{path}\0{digest}\0{start}\0{end}\0{new}"
        self.id = hashlib.sha256(key.encode()).hexdigest()[:20]

    def apply(self, source):
        return source[: self.start] + self.new + source[self.end :]

    def describe(self):
        shorten = lambda text: " ".join(text.split())[:70] or "(nothing)"
        return f"{self.path}:{self.line} {self.kind}: {shorten(self.old)} -> {shorten(self.new)}"


def tokens(source):
    return [m for m in TOKEN.finditer(source) if m.lastgroup != "skip"]


def mutants_of(path, source):
    found, seen = [], tokens(source)
    statement_start = True
    for i, token in enumerate(seen):
        text, kind = token.group(), token.lastgroup
        before = seen[i - 1].group() if i else ""
        line = source[source.rfind("\n", 0, token.start()) + 1 : token.start()]
        if DECLARATIONS.match(line) or (i and in_declaration(seen, i)):
            statement_start = text in "{};"
            continue
        if kind == "operator" and text in COMPARISONS:
            found += [Mutant(path, source, *token.span(), new, "comparison") for new in COMPARISONS[text]]
        elif kind == "operator" and text in OPERATORS and binary(text, before, seen, i):
            found += [Mutant(path, source, *token.span(), new, "operator") for new in OPERATORS[text]]
        elif kind == "number" and not text.startswith("0x"):
            value = int(text.replace("_", ""))
            found.append(Mutant(path, source, *token.span(), str(value + 1), "constant"))
        elif text in ("true", "false"):
            found.append(Mutant(path, source, *token.span(), "false" if text == "true" else "true", "constant"))
        if statement_start and kind == "word":
            found += deletions(path, source, seen, i)
        statement_start = text in ("{", "}", ";")
    return found


def in_declaration(seen, i):
    """Inside of a struct, enum, event, error or import: back to the token that begins the item."""
    depth = 0
    for token in reversed(seen[max(0, i - 400) : i]):
        text = token.group()
        if text == "}":
            depth += 1
        elif text == "{":
            if depth == 0:
                head = [t.group() for t in seen[max(0, seen.index(token) - 2) : seen.index(token)]]
                return bool(head) and head[0] in ("struct", "enum", "import")
            depth -= 1
        elif text == ";" and depth == 0:
            return False
    return False


def binary(text, before, seen, i):
    """Not a sign, and not the `|=` of a type or the `*` of an import."""
    after = seen[i + 1].group() if i + 1 < len(seen) else ""
    if text in ("-", "&", "*", "+") and (before in ("", "(", ",", "=", "return", "[", "{", ";") or after == "as"):
        return False
    return True


def deletions(path, source, seen, i):
    """The statement that begins here, if it is a require, an `if … revert`, or an assignment."""
    first = seen[i].group()
    end = statement_end(seen, i)
    if end is None:
        return []
    span = (seen[i].start(), seen[end].end())
    words = [t.group() for t in seen[i:end]]
    if first == "require":
        return [Mutant(path, source, *span, "", "require-deletion")]
    if first == "if" and "revert" in words and "{" not in words:
        return [Mutant(path, source, *span, "", "require-deletion")]
    if first in ("return", "emit", "revert", "for", "while", "if", "else", "do", "function", "assembly", "unchecked"):
        return []
    depth = 0
    for place, text in enumerate(words):
        depth += (text in "([{") - (text in ")]}")
        if depth == 0 and text in ("=", "+=", "-=", "|=", "&=", "++", "--") and place:
            declared = place >= 2 and words[place - 1].isidentifier() and words[place - 2] not in (".", "]")
            constant = "constant" in words[:place] or "immutable" in words[:place]
            if not declared and not constant:
                return [Mutant(path, source, *span, "", "assignment-deletion")]
            return []
    return []


def statement_end(seen, i):
    depth = 0
    for j in range(i, min(len(seen), i + 400)):
        text = seen[j].group()
        depth += (text in "([{") - (text in ")]}")
        if depth < 0:
            return None
        if text == ";" and depth == 0:
            return j
    return None


# ---- Running


def sources(chosen):
    if chosen:
        return sorted(Path(path) for path in chosen)
    everything = sorted((CONTRACTS / "src").rglob("*.sol"))
    skipped = ("interfaces", "testing")
    return [p.relative_to(CONTRACTS) for p in everything if not any(part in skipped for part in p.parts)]


def copy_of_contracts(folder):
    target = Path(folder) / "contracts"
    target.mkdir()
    for name in ("src", "test", "script", "bin"):
        shutil.copytree(CONTRACTS / name, target / name, symlinks=True)
    shutil.copy(CONTRACTS / "foundry.toml", target)
    for name in ("out", "cache"):
        if (CONTRACTS / name).exists():
            shutil.copytree(CONTRACTS / name, target / name)
    (target / "node_modules").symlink_to((CONTRACTS / "node_modules").resolve())
    (Path(folder) / "tests").symlink_to((ROOT / "tests").resolve())
    return target


def narrow_tests(folder, path):
    """Test files that name the mutated contract or library in an import."""
    name = Path(path).stem
    pattern = re.compile(rf"\b{re.escape(name)}\b")
    found = []
    for test in sorted((folder / "test").rglob("*.t.sol")):
        relative = test.relative_to(folder).as_posix()
        if relative.startswith(("test/gas/", "test/invariant/", "test/symbolic/")):
            continue
        if name in relative or pattern.search(test.read_text()):
            found.append(relative)
    return found


def forge(folder, arguments, limit, profile, fuzz):
    """('pass' | 'fail' | 'invalid' | 'timeout', seconds)."""
    environment = {**os.environ, "FOUNDRY_PROFILE": profile, "FOUNDRY_FUZZ_RUNS": str(fuzz)}
    started = time.monotonic()
    process = subprocess.Popen(
        [str(folder / "bin" / "forge"), "test", "--root", str(folder), "--fail-fast", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
        # forge keeps failing inputs below the working directory.
        cwd=folder,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "timeout", time.monotonic() - started
    seconds = time.monotonic() - started
    if process.returncode == 0:
        return "pass", seconds
    if "Compiler run failed" in output or "Compilation failed" in output:
        return "invalid", seconds
    if "Suite result:" in output or "Failing tests" in output or "failing test" in output.lower():
        return "fail", seconds
    raise SystemExit(f"mutate: forge failed for another reason:\n{output[-3000:]}")


def judge(folder, mutant, args):
    tests = narrow_tests(folder, mutant.path)
    rounds = [["--match-path", "{" + ",".join(tests) + "}"]] if tests else []
    if not args.narrow_only or not tests:
        rounds.append([] if args.whole_all else ["--no-match-path", "test/{gas,invariant,symbolic}/*"])
    spent = 0.0
    for arguments in rounds:
        result, seconds = forge(folder, arguments, args.limit, args.profile, args.fuzz)
        spent += seconds
        if result != "pass":
            names = {"fail": "killed", "invalid": "invalid", "timeout": "timeout"}
            return names[result], spent
    return "survived", spent


def run(chosen, args):
    done = results(args.results)
    deadline = time.monotonic() + args.time_box if args.time_box else None
    with tempfile.TemporaryDirectory(prefix="mutate-") as parent:
        folder = copy_of_contracts(parent)
        state, _ = forge(folder, ["--no-match-path", "test/{gas,invariant,symbolic}/*"] if not args.narrow_only else
                         ["--match-path", "test/concrete/libraries/*"], args.limit * 4, args.profile, args.fuzz)
        if state != "pass":
            raise SystemExit("mutate: the tests fail without any mutant; mend them first")
        for mutant in chosen:
            if mutant.id in done:
                continue
            if deadline and time.monotonic() > deadline:
                print("mutate: out of time; run the same command again to go on")
                break
            target = folder / mutant.path
            original = target.read_text()
            target.write_text(mutant.apply(original))
            try:
                outcome, seconds = judge(folder, mutant, args)
            finally:
                target.write_text(original)
            print(f"{outcome:9} {seconds:6.1f} s  {mutant.describe()}", flush=True)
            line = {"id": mutant.id, "outcome": outcome, "kind": mutant.kind, "mutant": mutant.describe()}
            with args.results.open("a") as file:
                file.write(json.dumps(line) + "\n")


def results(path):
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return {line["id"]: line for line in lines}


def report(mutants, args):
    current = {mutant.id for mutant in mutants}
    lines = [line for line in results(args.results).values() if line["id"] in current]
    counts = Counter(line["outcome"] for line in lines)
    dead = counts["killed"] + counts["timeout"]
    judged = dead + counts["survived"]
    print(f"\n{len(current)} mutants, {len(lines)} run: {counts['killed']} killed, {counts['timeout']} out of time, "
          f"{counts['survived']} survived, {counts['invalid']} did not compile")
    if judged:
        print(f"score {100 * dead / judged:.1f} % of {judged}")
    for kind in sorted({line["kind"] for line in lines}):
        of_kind = Counter(line["outcome"] for line in lines if line["kind"] == kind)
        dead_of_kind = of_kind["killed"] + of_kind["timeout"]
        print(f"  {kind:20} {dead_of_kind} of {dead_of_kind + of_kind['survived']}")
    for line in lines:
        if line["outcome"] == "survived":
            print(f"survived: {line['mutant']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="paths under contracts/, e.g. src/libraries/EValue.sol")
    parser.add_argument("--sample", type=int, help="this many mutants, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=CONTRACTS / "cache" / "mutation.jsonl")
    parser.add_argument("--time-box", type=int, metavar="SECONDS", help="start no mutant after this")
    parser.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="longest run of forge")
    parser.add_argument("--profile", default="quick", help="forge profile (default: quick, no optimizer)")
    parser.add_argument("--fuzz", type=int, default=32, help="fuzz runs")
    parser.add_argument("--narrow-only", action="store_true", help="only the tests that name the mutated file")
    parser.add_argument("--whole-all", action="store_true", help="the whole suite includes gas and invariants")
    parser.add_argument("--list", action="store_true", help="count mutants, run nothing")
    parser.add_argument("--report", action="store_true", help="show the results, run nothing")
    args = parser.parse_args()

    mutants = []
    for path in sources(args.files):
        source = (CONTRACTS / path).read_text()
        of_file = mutants_of(path.as_posix(), source)
        if args.list:
            print(f"{len(of_file):5} {path}")
        mutants += of_file
    if args.list:
        print(f"{len(mutants):5} in all; {dict(Counter(m.kind for m in mutants))}")
        return 0
    chosen = list(mutants)
    if args.sample:
        chosen = random.Random(args.seed).sample(chosen, min(args.sample, len(chosen)))
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        run(chosen, args)
    report(mutants, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
