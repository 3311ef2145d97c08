"""The score, by file, and the survivors with the answers given to them."""

import json
from collections import Counter


def results(path):
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return {line["id"]: line for line in lines}


def answers(contracts):
    """(file, change, the line's text) -> why the mutant does not matter."""
    path = contracts / "tooling" / "mutation.answers.json"
    if not path.exists():
        return {}
    return {(a["file"], a["change"], a["line"]): a for a in json.loads(path.read_text())}


def key(mutant, source):
    begin = source.rfind("\n", 0, mutant.start) + 1
    line = source[begin:].split("\n", 1)[0]
    column = mutant.start - begin - (len(line) - len(line.lstrip()))
    return mutant.path, f"{mutant.describe().split(' ', 1)[1]} at {column}", line.strip()


def equivalent(mutants, contracts):
    """Ids of the mutants that an answer calls equivalent: no test can tell them from the original."""
    given, texts = answers(contracts), {}
    for mutant in mutants:
        if mutant.path not in texts:
            texts[mutant.path] = (contracts / mutant.path).read_text()
    wanted = {place for place, answer in given.items() if answer["equivalent"]}
    return {m.id for m in mutants if key(m, texts[m.path]) in wanted}


def report(mutants, path, contracts):
    known, given = results(path), answers(contracts)
    texts = {p: (contracts / p).read_text() for p in {m.path for m in mutants}}
    table, open_ones, total = {}, [], Counter()
    for mutant in mutants:
        row = table.setdefault(mutant.path, Counter())
        row["mutants"] += 1
        line = known.get(mutant.id)
        outcome = line["outcome"] if line else "not run"
        if outcome == "survived":
            answer = given.get(key(mutant, texts[mutant.path]))
            if answer:
                outcome = "equivalent" if answer["equivalent"] else "accepted"
            else:
                open_ones.append(key(mutant, texts[mutant.path]))
        row[outcome] += 1
    for row in table.values():
        total.update(row)
    columns = ("mutants", "killed", "timeout", "invalid", "equivalent", "accepted", "survived", "not run")
    print("| File | mutants | killed | out of time | did not compile | equivalent | accepted | survived | not run | score |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, row in [*sorted(table.items()), ("**all**", total)]:
        print(f"| {name.removeprefix('src/')} | " + " | ".join(str(row[c]) for c in columns) + f" | {score(row)} |")
    raw = total["killed"] + total["timeout"], total["equivalent"] + total["accepted"] + total["survived"]
    if sum(raw):
        print(f"\nraw score {100 * raw[0] / sum(raw):.1f} %, without the equivalent {score(total)}")
    for file, change, line in open_ones:
        print(f"survived: {file} {change}   |  {line}")
    return 1 if open_ones else 0


def score(row):
    dead = row["killed"] + row["timeout"]
    judged = dead + row["accepted"] + row["survived"]
    return f"{100 * dead / judged:.1f} %" if judged else "–"
