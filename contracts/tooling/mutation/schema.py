"""All mutants in one build: each sits behind a switch that forge turns by the address of the block's producer.

    a < b        becomes   ((block.coinbase == address(MARK + 7) ? a <= b : (a < b)))
    balance = 0; becomes   { if (block.coinbase == address(MARK + 8)) { } else { balance = 0; } }

A mutant then costs a start of forge and its tests, no compilation. To read the block, pure functions become view ones,
and a constant that holds a mutant becomes a function. What does not fit (the length of an array, say) stays out.
"""

import re

from . import syntax

#: No address below it is a mutant's, so neither a precompile nor the default producer is one.
MARK = 0x4F4D4C0000


def switch(number):
    return f"block.coinbase == address({MARK + number})"


def coinbase(number):
    return f"0x{MARK + number:040x}" if number else "0x" + "00" * 20


class Host:
    """A place in the source that holds mutants."""

    def __init__(self, start, end, form):
        self.start, self.end, self.form, self.mutants = start, end, form, []


class File:
    def __init__(self, path, text, tree):
        self.path, self.text, self.tree = path, text, tree
        self.edits, self.hosts = [], {}

    def place(self, number, mutant):
        """False if no switch can hold the mutant."""
        found = host_of(self, mutant)
        if found is None:
            return False
        host = self.hosts.setdefault(found, Host(*found))
        host.mutants.append((number, mutant))
        return True

    def render(self):
        hosts = sorted(self.hosts.values(), key=lambda host: (host.start, -host.end))
        return self.between(0, len(self.text), hosts)

    def between(self, start, end, hosts):
        out, at = [], start
        while hosts:
            host, hosts = hosts[0], hosts[1:]
            inner = [h for h in hosts if h.start >= host.start and h.end <= host.end]
            hosts = [h for h in hosts if h not in inner]
            out.append(self.edited(at, host.start))
            out.append(self.switched(host, inner))
            at = host.end
        return "".join(out) + self.edited(at, end)

    def edited(self, start, end, mutant=None):
        """The text with the edits that make room for switches; and with one mutant, if given."""
        # An insertion belongs to the piece that ends with it.
        edits = [e for e in self.edits if (start <= e[0] and e[1] <= end and e[0] < e[1]) or (e[0] == e[1] and start < e[0] <= end)]
        if mutant is not None:
            edits = [e for e in edits if e[1] <= mutant.start or e[0] >= mutant.end]
            edits.append((mutant.start, mutant.end, mutant.new))
        out, at = [], start
        for first, after, new in sorted(edits):
            out.append(self.text[at:first] + new)
            at = after
        return "".join(out) + self.text[at:end]

    def switched(self, host, inner):
        plain = self.between(host.start, host.end, inner)
        variants = [(number, self.edited(host.start, host.end, mutant)) for number, mutant in host.mutants]
        form, name = host.form if isinstance(host.form, tuple) else (host.form, "")
        if form == "yul":
            return f"add({plain}, " + "".join(f"eq(coinbase(), {MARK + n})" for n, _ in variants) + ")"
        if form == "statement":
            return "{ " + "".join(f"if ({switch(n)}) {{ {v} }} else " for n, v in variants) + f"{{ {plain} }} }}"
        if form == "typed":
            return "(" + "".join(f"{switch(n)} ? {name}({v}) : " for n, v in variants) + f"{name}({plain}))"
        if form == "constant":
            return "".join(f"if ({switch(n)}) return {v}; " for n, v in variants) + f"return {plain}"
        return "(" + "".join(f"{switch(n)} ? ({v}) : " for n, v in variants) + f"({plain}))"


def host_of(file, mutant):
    """(start, end, form) of the place for a mutant, or None."""
    if mutant.kind.endswith("-deletion"):
        node = file.tree.smallest(mutant.start, mutant.start + 1)
        function = node.above("FunctionDefinition", "ModifierDefinition")
        if function is None or points_to_storage(function, mutant):
            return None
        return mutant.start, mutant.end, "statement"
    node = file.tree.smallest(mutant.start, mutant.end)
    if node.kind.startswith("Yul"):
        return (node.start, node.end, "yul") if node.kind == "YulLiteral" else None
    while node is not None:
        if node.fit() and node.parent.kind != "VariableDeclaration":
            return node.start, node.end, "expression"
        if node.kind in syntax.STATEMENTS:
            return node.start, file.text.index(";", node.end - 1) + 1, "statement"
        above = node.parent
        if above is not None and above.kind == "VariableDeclarationStatement":
            declared = above.fields["declarations"]
            if len(declared) == 1 and node.type.startswith("int_const"):
                return node.start, node.end, ("typed", declared[0]["typeDescriptions"]["typeString"])
            return None
        if above is not None and above.kind == "VariableDeclaration":
            return (node.start, node.end, "constant") if above.fields.get("constant") else None
        node = above
    return None


def points_to_storage(function, mutant):
    """The compiler never lets a pointer to storage be left without a value."""
    return any(
        left.kind == "Identifier" and left.type.endswith("storage pointer")
        for node in function.walk() if node.kind == "Assignment" and mutant.start <= node.start and node.end <= mutant.end
        for left in [node.children[0], *(node.children[0].children if node.children[0].kind == "TupleExpression" else [])]
    )


def constants_of(files):
    return {
        node.fields["id"]: (file, node)
        for file in files.values()
        for node in file.tree.walk()
        if node.kind == "VariableDeclaration" and node.fields.get("constant")
    }


def references(files):
    for file in files.values():
        for node in file.tree.walk():
            if node.kind in ("Identifier", "MemberAccess") and not node.type.startswith("function "):
                yield file, node, node.fields.get("referencedDeclaration")
            for outside in node.fields.get("externalReferences", []):
                yield file, None, outside["declaration"]


def functions_for_constants(files, wanted, refused):
    """Makes functions of the constants that hold mutants, and of all that are made of those."""
    constants, used = constants_of(files), {}
    for file, node, target in references(files):
        if target in constants:
            used.setdefault(target, []).append((file, node))
    waiting, chosen = [w for w in wanted if w not in refused], set()
    while waiting:
        one = waiting.pop()
        if one in chosen:
            continue
        chosen.add(one)
        for _, node in used.get(one, []):
            outer = node.above("VariableDeclaration") if node else None
            if outer is not None and outer.fields["id"] in constants:
                waiting.append(outer.fields["id"])
    for one in chosen:
        declare(*constants[one])
        for file, node in used.get(one, []):
            if node is not None:
                file.edits.append((node.end, node.end, "()"))


def declare(file, node):
    """`uint8 private constant X = 1;` becomes `function X() private view returns (uint8) { return 1; }`."""
    value = next(child for child in node.children if child.fields["src"] == node.fields["value"]["src"])
    name, place = node.fields["name"], node.fields["typeName"]["typeDescriptions"]["typeString"]
    visible = node.fields["visibility"]
    override = " override" if node.fields.get("overrides") or node.fields.get("baseFunctions") else ""
    free = node.parent.kind == "SourceUnit"
    memory = " memory" if place.startswith(("string", "bytes memory")) or place in ("string", "bytes") else ""
    head = f"function {name}() {'' if free else visible} view{override} returns ({place}{memory}) {{ "
    at = (value.start, value.end, "constant")
    file.edits.append((node.start, value.start, head + ("" if at in file.hosts else "return ")))
    semicolon = file.text.index(";", value.end)
    file.edits.append((semicolon, semicolon + 1, "; }"))


def pure_to_view(file):
    """A pure function may not read the block. Overrides of a dependency's pure function stay as they are."""
    for found in re.finditer(r"\bpure\b", file.text):
        node = file.tree.smallest(found.start(), found.end())
        if node.kind in ("SourceUnit", "StructuredDocumentation"):
            continue
        function = node if node.kind == "FunctionDefinition" else node.above("FunctionDefinition")
        if function is not None and function.fields["name"] == "_domainNameAndVersion":
            continue
        file.edits.append((found.start(), found.end(), "view"))


def build(sources, trees, numbered, without=frozenset(), refused=frozenset()):
    """(path -> text, numbers of the mutants inside); `without` and `refused` leave mutants and constants out."""
    files = {path: File(path, text, trees[path]) for path, text in sources.items()}
    inside, wanted = set(), set()
    refused = refused | {
        target for _, node, target in references(files) if node is None or node.above("ArrayTypeName") is not None
    }
    for number, mutant in numbered.items():
        if number in without:
            continue
        file = files[mutant.path]
        node = file.tree.smallest(mutant.start, mutant.end)
        holder = node.above("VariableDeclaration")
        constant = holder if holder is not None and holder.fields.get("constant") else None
        if constant is not None and constant.fields["id"] in refused:
            continue
        if file.place(number, mutant):
            inside.add(number)
            if constant is not None:
                wanted.add(constant.fields["id"])
    functions_for_constants(files, wanted, refused)
    for file in files.values():
        pure_to_view(file)
    return {path: file.render() for path, file in files.items()}, inside
