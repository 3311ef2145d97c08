#!/usr/bin/env python3
"""Mutation testing of the contracts: do the tests notice a broken line?

    contracts/tooling/mutate.py --list                                   how many mutants each file has
    contracts/tooling/mutate.py --jobs 2                                 every mutant of every file
    contracts/tooling/mutate.py src/libraries/EValue.sol                 every mutant of a file
    contracts/tooling/mutate.py --sample 50 --seed 1                     50 of all, chosen by the seed
    contracts/tooling/mutate.py --survivors                              again those that survived, after new tests
    contracts/tooling/mutate.py --report                                 score and survivors of the results so far

Every mutant changes one place: an operator, a comparison, a constant, a deleted require (or `if … revert`), a deleted
assignment. All are built at once, each behind a switch (mutation/schema.py), so that a mutant costs one start of forge
and its tests: first the tests that noticed its neighbours, then the concrete ones, fuzz tests, invariants. One that
does not compile says nothing and is left out; one that runs into the limit of processor time counts as killed, apart.
Results are kept line by line in --results, so that a run can be stopped and goes on where it was; a changed source file
makes its old results void. contracts/tooling/mutation.answers.json says why a survivor changes nothing that matters; --report
fails on a survivor without an answer.
"""

import argparse
import json
import queue
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from mutation import report as reports
from mutation.judge import Judge
from mutation.mutants import mutants_of
from mutation.workshop import Workshop

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"


def sources(chosen):
    if chosen:
        return [Path(path) for path in chosen]
    everything = sorted((CONTRACTS / "src").rglob("*.sol"))
    skipped = ("interfaces", "testing")
    return [p.relative_to(CONTRACTS) for p in everything if not any(part in skipped for part in p.parts)]


def everything():
    """All mutants, numbered in one order whatever is chosen, so that the build is the same."""
    found = [m for path in sources([]) for m in mutants_of(path.as_posix(), (CONTRACTS / path).read_text())]
    return dict(enumerate(found, 1))


def run(numbered, chosen, args):
    folder = args.workshop or Path(tempfile.mkdtemp(prefix="mutate-"))
    shop = Workshop(folder, CONTRACTS, args.profile, args.nice)
    shop.prepare()
    texts = shop.sources()
    print(f"mutate: building {len(numbered)} mutants in {folder}", flush=True)
    inside = shop.build(numbered)
    judge = Judge(shop, texts, args)
    wrong = judge.healthy()
    if wrong:
        raise SystemExit(f"mutate: the tests fail without any mutant; mend them first\n{wrong}")
    waiting = queue.SimpleQueue()
    for number in chosen:
        if number in inside:
            waiting.put(number)
    deadline = time.monotonic() + args.time_box if args.time_box else None
    workers = [threading.Thread(target=work, args=(w, waiting, numbered, judge, deadline, args)) for w in range(args.jobs)]
    for number in range(1, args.jobs):
        shop.second_worker(number)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for number in (n for n in chosen if n not in inside):
        if not shop.compiles(numbered[number]):
            keep(args, numbered[number], "invalid", "", 0.0)
        else:
            print(f"mutate: does not fit into the build, not run: {numbered[number].describe()}")


def work(worker, waiting, numbered, judge, deadline, args):
    while deadline is None or time.monotonic() < deadline:
        try:
            number = waiting.get_nowait()
        except queue.Empty:
            return
        started = time.monotonic()
        try:
            outcome, by = judge.judge(number, numbered[number], worker)
        except RuntimeError as error:
            print(error, flush=True)
            continue
        keep(args, numbered[number], outcome, by, time.monotonic() - started)


KEEPING = threading.Lock()


def keep(args, mutant, outcome, by, seconds):
    line = {"id": mutant.id, "outcome": outcome, "kind": mutant.kind, "mutant": mutant.describe(), "by": by,
            "whole": not args.quick}
    with KEEPING, args.results.open("a") as file:
        print(f"{outcome:9} {seconds:6.1f} s  {mutant.describe()}  {by}", flush=True)
        file.write(json.dumps(line) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="paths under contracts/, e.g. src/libraries/EValue.sol")
    parser.add_argument("--sample", type=int, help="this many mutants, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=CONTRACTS / "cache" / "mutation.jsonl")
    parser.add_argument("--workshop", type=Path, help="folder of the build, to be used again")
    parser.add_argument("--time-box", type=int, metavar="SECONDS", help="start no mutant after this")
    parser.add_argument("--limit", type=int, default=120, metavar="SECONDS", help="processor time of one run of forge")
    parser.add_argument("--profile", default="quick", help="forge profile (default: quick, no optimizer)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="no fuzz tests, no invariants")
    parser.add_argument("--survivors", action="store_true", help="again those that survived")
    parser.add_argument("--list", action="store_true", help="count mutants, run nothing")
    parser.add_argument("--report", action="store_true", help="show the results, run nothing")
    args = parser.parse_args()

    numbered = everything()
    wanted = [path.as_posix() for path in sources(args.files)]
    chosen = sorted((n for n, m in numbered.items() if m.path in wanted), key=lambda n: (wanted.index(numbered[n].path), n))
    if args.list:
        count = Counter(numbered[n].path for n in chosen)
        print("\n".join(f"{count[path]:5} {path}" for path in wanted))
        print(f"{len(chosen):5} in all; {dict(Counter(numbered[n].kind for n in chosen))}")
        return 0
    if args.sample:
        chosen = random.Random(args.seed).sample(chosen, min(args.sample, len(chosen)))
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        done = reports.results(args.results)
        answered = reports.equivalent(numbered.values(), CONTRACTS) if args.survivors else set()
        again = {i for i, line in done.items() if line["outcome"] == "survived" and i not in answered}
        run(numbered, [n for n in chosen if (numbered[n].id in again if args.survivors else numbered[n].id not in done)], args)
    return reports.report([numbered[n] for n in chosen], args.results, CONTRACTS)


if __name__ == "__main__":
    sys.exit(main())
