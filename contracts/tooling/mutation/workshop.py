"""A copy of the contracts in which all mutants are built once, and forge runs that compile nothing."""

import json
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

from . import schema, syntax

#: Whole-suite settings: no limit may depend on how large a switch makes a contract.
LIMITS = {"FOUNDRY_CODE_SIZE_LIMIT": str(1 << 24), "FOUNDRY_GAS_LIMIT": str(1 << 34)}
SHIM = """#!/bin/sh
# Answers from memory what the compiler was asked before; each start of forge asks the same.
case "$1" in --version) exec cat "$MUTATE_MEMORY/version" ;; esac
question=$(mktemp)
cat >"$question"
answer="$MUTATE_MEMORY/$(sha256sum <"$question" | cut -c1-40)"
if [ ! -f "$answer" ]; then
    [ -n "$MUTATE_MAY_COMPILE" ] || { echo "compiled again" >&2; rm "$question"; exit 1; }
    "$MUTATE_SOLC" "$@" <"$question" >"$question.answer" && mv "$question.answer" "$answer"
fi
rm "$question"
cat "$answer"
"""


class Workshop:
    def __init__(self, folder, contracts, profile, nice):
        self.folder, self.contracts, self.profile, self.nice = Path(folder), contracts, profile, nice
        self.root, self.memory, self.shim = self.folder / "contracts", self.folder / "memory", self.folder / "solc"

    def prepare(self):
        self.root.mkdir(parents=True, exist_ok=True)
        self.memory.mkdir(exist_ok=True)
        for name in ("src", "test", "script", "tooling/bin"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            shutil.copytree(self.contracts / name, self.root / name, symlinks=True)
        shutil.copy(self.contracts / "foundry.toml", self.root)
        for link, target in ((self.root / "node_modules", self.contracts / "node_modules"),
                             (self.folder / "tests", self.contracts.parent / "tests")):
            if not link.exists():
                link.symlink_to(target.resolve())
        self.shim.write_text(SHIM)
        self.shim.chmod(0o755)
        version = subprocess.run([self.root / "tooling" / "bin" / "solc", "--version"], capture_output=True, check=True)
        (self.memory / "version").write_bytes(version.stdout)

    def sources(self):
        found = sorted(p for name in ("src", "test", "script") for p in (self.root / name).rglob("*.sol"))
        return {path.relative_to(self.root).as_posix(): path.read_text() for path in found}

    def build(self, numbered):
        """Builds all mutants at once; returns the numbers of those inside."""
        sources = self.sources()
        trees = syntax.trees(self.root, sources)
        remembered = self.folder / "unfit.json"
        unfit = set(json.loads(remembered.read_text())) if remembered.exists() else set()
        without, refused = {number for number, mutant in numbered.items() if mutant.id in unfit}, set()
        for _ in range(12):
            texts, inside = schema.build(sources, trees, numbered, frozenset(without), frozenset(refused))
            for path, text in texts.items():
                target = self.root / path
                if target.read_text() != text:
                    target.write_text(text)
            errors = self.errors(texts)
            if not errors:
                remembered.write_text(json.dumps(sorted(numbered[number].id for number in without)))
                return inside
            before = (len(without), len(refused))
            for path, start, end, message in errors:
                numbers, constants = culprits(texts[path], start, end, trees)
                without |= numbers
                refused |= constants
            print(f"mutate: {len(without)} mutants do not fit: {errors[0][3].splitlines()[0]} ({errors[0][0]})", flush=True)
            if before == (len(without), len(refused)):
                raise SystemExit(f"mutate: the build of all mutants fails:\n{errors[0][3]}")
        raise SystemExit("mutate: the build of all mutants keeps failing")

    def errors(self, texts):
        done = self.forge(["build"], compiles=True, cpu=3000)
        if done.returncode == 0:
            return []
        # forge prints messages; the compiler itself says where.
        return self.ask(texts) or [("", 0, 0, done.stdout[-3000:])]

    def ask(self, texts, bytecode=True, root=None):
        root = root or self.root
        question = {
            "language": "Solidity",
            "sources": {path: {"content": text} for path, text in texts.items()},
            "settings": {
                "remappings": syntax.remappings(root), "evmVersion": "prague",
                "outputSelection": {"*": {"*": ["evm.bytecode.object"] if bytecode else ["abi"]}},
            },
        }
        answer = subprocess.run(
            [str(root / "tooling" / "bin" / "solc"), "--base-path", str(root), "--standard-json"],
            input=json.dumps(question), capture_output=True, text=True, check=True,
        )
        found = []
        for error in json.loads(answer.stdout).get("errors", []):
            if error["severity"] != "error":
                continue
            where = error.get("sourceLocation") or {"file": "", "start": 0, "end": 0}
            table = syntax.offsets(texts.get(where["file"], "")) if where["file"] in texts else None
            place = (table[where["start"]], table[where["end"]]) if table else (0, 0)
            found.append((where["file"], *place, error["formattedMessage"]))
        return found

    def forge(self, arguments, number=0, worker=0, compiles=False, cpu=120, settings=None):
        place = self.folder / f"worker{worker}"
        failures = place / "failures"
        shutil.rmtree(failures, ignore_errors=True)
        failures.mkdir(parents=True)
        environment = {
            **os.environ, **LIMITS, "FOUNDRY_PROFILE": self.profile, "FOUNDRY_SOLC": str(self.shim),
            "MUTATE_MEMORY": str(self.memory), "MUTATE_SOLC": str(self.root / "tooling" / "bin" / "solc"),
            "MUTATE_MAY_COMPILE": "1" if compiles else "", "FOUNDRY_BLOCK_COINBASE": schema.coinbase(number),
            "FOUNDRY_CACHE_PATH": str(place / "cache"), "FOUNDRY_TEST_FAILURES_FILE": str(failures / "tests"),
            "FOUNDRY_FUZZ_FAILURE_PERSIST_DIR": str(failures / "fuzz"),
            "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": str(failures / "invariant"), **(settings or {}),
        }

        def limit():
            os.nice(self.nice)
            # Not wall time: a busy machine kills no mutant.
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))

        return subprocess.run(
            [str(self.root / "tooling" / "bin" / "forge"), *arguments, "--root", str(self.root)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
            cwd=self.root, preexec_fn=limit,
        )

    def compiles(self, mutant):
        """Whether the one mutant alone has the right types."""
        path = self.contracts / mutant.path
        found = self.ask({mutant.path: mutant.apply(path.read_text())}, bytecode=False, root=self.contracts)
        return not found

    def second_worker(self, worker):
        place = self.folder / f"worker{worker}" / "cache"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder / "worker0" / "cache", place)


def culprits(text, start, end, trees):
    """Which mutants or constants an error in the built text speaks of."""
    names = set(re.findall(r"\b([A-Z_0-9]{2,})\b", text[start:end])) if "coinbase" not in text[start:end] else set()
    constants = {
        node.fields["id"] for tree in trees.values() for node in tree.walk()
        if node.kind == "VariableDeclaration" and node.fields.get("constant") and node.fields["name"] in names
    }
    within = numbers_in(text[start:end])
    # A variant is the text as it would be without switches, so its own switch stands right before it.
    before = re.findall(SWITCH, text[text.rfind("\n\n", 0, start) + 1 : start])
    if not within and before:
        within = {int("".join(before[-1])) - schema.MARK}
    return within, constants if not within else set()


SWITCH = r"coinbase == address\((\d+)\)|eq\(coinbase\(\), (\d+)\)"


def numbers_in(text):
    return {int(n) - schema.MARK for n in re.findall(SWITCH, text) for n in n if n}
