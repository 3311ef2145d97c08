"""The compiler's syntax tree of the contracts, in offsets of characters."""

import json
import re
import subprocess

STATEMENTS = ("ExpressionStatement", "Return", "EmitStatement", "RevertStatement")
#: Types that a conditional expression cannot have, or would change: a literal has no type of its own yet.
UNFIT = ("int_const", "rational_const", "literal_string", "tuple(", "function ", "error", "type(", "mapping(", "module")


class Node:
    def __init__(self, fields, start, end, parent):
        self.fields, self.start, self.end, self.parent = fields, start, end, parent
        self.kind = fields["nodeType"]
        self.children = []

    @property
    def type(self):
        return (self.fields.get("typeDescriptions") or {}).get("typeString") or ""

    def fit(self):
        """Whether a conditional expression may take its place."""
        if not self.type or self.type.startswith(UNFIT) or self.kind.endswith(("Declaration", "TypeName", "Statement")):
            return False
        return not self.fields.get("lValueRequested")

    def above(self, *kinds):
        node = self.parent
        while node is not None and node.kind not in kinds:
            node = node.parent
        return node

    def smallest(self, start, end):
        for child in self.children:
            if child.start <= start and end <= child.end:
                return child.smallest(start, end)
        return self

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()


def offsets(text):
    """Of every byte, the character it belongs to: the compiler counts bytes."""
    table = []
    for place, character in enumerate(text):
        table += [place] * len(character.encode())
    return table + [len(text)]


def build(fields, table, parent=None):
    start, length, _ = map(int, fields["src"].split(":"))
    node = Node(fields, table[start], table[start + length], parent)
    for value in fields.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict) and "nodeType" in child and "src" in child:
                node.children.append(build(child, table, node))
    # A list may hold a gap, as in `(, x) = f()`; the order in the text is what matters.
    node.children.sort(key=lambda child: child.start)
    return node


def remappings(folder):
    found = re.search(r"remappings = \[(.*?)\]", (folder / "foundry.toml").read_text(), re.S)
    return re.findall(r'"([^"]+)"', found.group(1)) if found else []


def trees(folder, sources):
    """Path -> tree of every source of the project."""
    question = {
        "language": "Solidity",
        "sources": {path: {"content": text} for path, text in sources.items()},
        "settings": {
            "remappings": remappings(folder), "evmVersion": "prague", "outputSelection": {"*": {"": ["ast"]}},
        },
    }
    answer = subprocess.run(
        [str(folder / "tooling" / "bin" / "solc"), "--base-path", str(folder), "--standard-json"],
        input=json.dumps(question), capture_output=True, text=True, check=True,
    )
    output = json.loads(answer.stdout)
    failures = [e["formattedMessage"] for e in output.get("errors", []) if e["severity"] == "error"]
    if failures:
        raise SystemExit("mutate: the sources do not compile:\n" + failures[0])
    return {path: build(output["sources"][path]["ast"], offsets(text)) for path, text in sources.items()}
