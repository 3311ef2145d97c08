#!/usr/bin/env python3
"""Do the trees beside the concrete tests say what the tests test?

    contracts/tooling/check-trees.py             fails if a tree and its tests disagree
    contracts/tooling/check-trees.py --leaves    also lists leaves and tests that no name connects

A tree `acquire.tree` belongs to `acquire.t.sol`. Held are what the names allow:
  * every tree has its test file, and a file of concrete tests its tree;
  * a tree draws its branches without a gap;
  * a tree with a leaf that reverts has a test `test_revertWhen_...` or one that expects a revert, and a test of that
    name has such a leaf;
  * no test constructs right after it expects a revert: forge links such a contract by a cheat code, whose revert ends
    the test, so that nothing behind it is ever tested; the construction belongs into an external function.
Names do not derive from branches, so single leaves can't be paired for certain: --leaves counts those whose words no
test has.
"""

import argparse
import re
import sys
from pathlib import Path

CONCRETE = Path(__file__).resolve().parents[1] / "test" / "concrete"
#: Tests of other kinds, which have no trees.
WITHOUT_TREES = {"vectors"}
BRANCH = re.compile(r"^((?:│   |    )*)(├── |└── )(.+)$")
NAME = re.compile(r"^[\w.]+(, [\w.]+)*$")
REVERTS = re.compile(r"\b(reverts?|panics?|refuses?)\b")
CONSTRUCTS = re.compile(r"[Ee]xpect\w*\([^;]*;\s*(?:[\w ]+ = )?new \w+\(")
TEST = re.compile(r"function (test\w*)\(")
#: Words that say nothing about what is tested.
EMPTY = set("it the a an is are no not when of and or to in be its there this that has have with was for by than".split())


def words(text):
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    found = {word.lower().rstrip("s") for word in re.findall(r"[A-Za-z0-9]+", parts)}
    return {word[:5] for word in found if word not in EMPTY}


class Tree:
    """Leaves of a tree file: the branches that have none below them, each with those above it."""

    def __init__(self, path):
        self.leaves, self.faults = [], []
        above, last = [], None
        for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"), 1):
            matched = BRANCH.match(line)
            if not matched:
                # The name of a function, or of several.
                if not NAME.match(line):
                    self.faults.append(f"{path.name}:{number}: neither a branch nor a name: {line!r}")
                depth, text = 0, line
            else:
                depth, text = len(matched.group(1)) // 4 + 1, matched.group(3)
            if last is not None and depth <= last:
                self.leaves.append((above[:-1], above[-1]))
            if depth > len(above):
                self.faults.append(f"{path.name}:{number}: a level is left out")
            above, last = above[:depth] + [text], depth
        if above:
            self.leaves.append((above[:-1], above[-1]))

    def reverting(self):
        return [leaf for leaf in self.leaves if REVERTS.search(leaf[1])]


def check(tree_path):
    """Faults of one tree, and its leaves and tests that no word connects."""
    tests_path = tree_path.with_suffix("").with_suffix(".t.sol")
    where = tree_path.relative_to(CONCRETE)
    if not tests_path.exists():
        return [f"{where}: there is no {tests_path.name}"], [], []
    tree, source = Tree(tree_path), tests_path.read_text(encoding="utf-8")
    tests = TEST.findall(source)
    faults = [f"{where.parent}/{fault}" for fault in tree.faults]
    named = [test for test in tests if "revert" in test.lower()]
    reverting = tree.reverting()
    if reverting and not named and "expectRevert" not in source:
        faults.append(f"{where}: leaves revert, no test does")
    if named and not reverting:
        faults.append(f"{where}: {named[0]} reverts, no leaf does")
    if not tests:
        faults.append(f"{where}: {tests_path.name} has no tests")
    bodies = {name: source[source.index(f"function {name}("):] for name in tests}
    bodies = {name: body[: body.find("\n    }") + 1] for name, body in bodies.items()}
    known = {name: words(name) | words(body) for name, body in bodies.items()}
    lost = [
        leaf
        for leaf in tree.leaves
        if not any(words(" ".join(leaf[0][-1:] + [leaf[1]])) & told for told in known.values())
    ]
    said = set().union(*(words(" ".join(above + [text])) for above, text in tree.leaves)) if tree.leaves else set()
    alone = [name for name in tests if not words(name.replace("revertWhen", "").removeprefix("test")) & said]
    return faults, [(where, leaf) for leaf in lost], [(where, name) for name in alone]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--leaves", action="store_true", help="list leaves and tests that no name connects")
    args = parser.parse_args()
    trees = sorted(CONCRETE.rglob("*.tree"))
    faults, lost, alone, leaves = [], [], [], 0
    for path in trees:
        found, without_test, without_leaf = check(path)
        faults += found
        lost += without_test
        alone += without_leaf
        leaves += len(Tree(path).leaves)
    treeless = [
        path.relative_to(CONCRETE)
        for path in sorted(CONCRETE.rglob("*.t.sol"))
        if path.relative_to(CONCRETE).parts[0] not in WITHOUT_TREES
        and not path.with_suffix("").with_suffix(".tree").exists()
    ]
    faults += [f"{path}: there is no tree" for path in treeless]
    faults += [
        f"{path.relative_to(CONCRETE.parent)}: a construction that is expected to revert ends its test"
        for path in sorted(CONCRETE.parent.rglob("*.t.sol"))
        if CONSTRUCTS.search(path.read_text(encoding="utf-8"))
    ]
    if args.leaves:
        for where, (above, text) in lost:
            print(f"no test has a word of it: {where}: {' / '.join(above + [text])}")
        for where, name in alone:
            print(f"no leaf has a word of it: {where}: {name}")
    for fault in faults:
        print(f"trees: {fault}", file=sys.stderr)
    print(
        f"trees: {len(trees)} trees, {leaves} leaves, {len(faults)} faults;"
        f" by name alone {len(lost)} leaves and {len(alone)} tests stay without the other"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
