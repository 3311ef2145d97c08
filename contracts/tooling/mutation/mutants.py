"""Where and how a source can be broken in one place."""

import hashlib
import re

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
