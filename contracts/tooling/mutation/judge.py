"""Which tests a mutant meets, in which order, and what came of it."""

import re
import threading
from collections import OrderedDict

#: The tests of every mutant, cheapest first; gas figures and symbolic proofs judge something else.
ROUNDS = (
    ("concrete", "test/{concrete,attacks,flows}/**", {}),
    ("fuzz", "test/{fuzz,differential}/**", {"FOUNDRY_FUZZ_RUNS": "24"}),
    ("invariant", "test/invariant/**", {"FOUNDRY_INVARIANT_RUNS": "6", "FOUNDRY_INVARIANT_DEPTH": "32"}),
)
#: The first walks by luck of the draw, which the switches change; the other measures gas, of which the switches take a part.
UNFIT_TESTS = "test_everyEndIsReached|test_drawOfAUsedUpUniverseIsBounded"
#: Contracts that are a part of another one, whose tests are theirs; of libraries those that one contract uses most.
HOMES = {
    "Models": "LicenseRegistry", "ServingKeys": "LicenseRegistry", "RoundOpening": "Rounds", "ProofDesk": "Proofs",
    "CopyProofs": "Proofs", "Openings": "Proofs", "Receipts": "Proofs", "TermsLib": "LicenseRegistry", "Vouchers": "PaymentEscrow",
    "HashToBn254": "DrandBn254Beacon", "HashToBls12": "DrandBls12Beacon", "Precompiles": "DrandBn254Beacon",
    "Deployer": "Deploy", "Shares": "CollateralVault",
}
FAILED_IN = re.compile(r"failing tests? in (test/\S+?):")


class Judge:
    def __init__(self, workshop, sources, args):
        self.workshop, self.sources, self.args = workshop, sources, args
        self.killers, self.lock = {}, threading.Lock()

    def healthy(self):
        """All rounds without any mutant; the failure if there is one."""
        for name, paths, settings in ROUNDS[: 1 if self.args.quick else None]:
            outcome, output = self.run(0, 0, paths, settings)
            if outcome != "pass":
                return f"{name}: {output[-3000:]}"
        return None

    def run(self, number, worker, paths, settings):
        done = self.workshop.forge(
            ["test", "--fail-fast", "--match-path", paths, "--no-match-test", UNFIT_TESTS], number, worker, compiles=number == 0, cpu=self.args.limit,
            settings=settings,
        )
        if done.returncode == 0:
            return "pass", done.stdout
        if done.returncode < 0:
            return "timeout", ""
        if "failing test" in done.stdout.lower():
            return "killed", done.stdout
        raise RuntimeError(f"mutate: forge failed for another reason:\n{done.stdout[-2000:]}")

    def first_tests(self, mutant):
        """The test file of the function, and those that noticed the last mutants of this file."""
        named = re.findall(r"\bfunction (\w+)", self.sources[mutant.path][: mutant.start])
        with self.lock:
            likely = list(self.killers.get(mutant.path, {}))[-3:]
        tests = [t for t in self.sources if t.endswith(f"/{named[-1]}.t.sol")] if named else []
        return sorted({*tests, *likely})

    def near_tests(self, mutant):
        """The concrete tests of the contract or library."""
        stem = mutant.path.rsplit("/", 1)[-1].removesuffix(".sol")
        home = HOMES.get(stem, stem)
        return sorted(t for t in self.sources if t.startswith(f"test/concrete/{home}/") or t == f"test/concrete/libraries/{stem}.t.sol")

    def judge(self, number, mutant, worker):
        first = self.first_tests(mutant)
        near = [test for test in self.near_tests(mutant) if test not in first]
        rounds = [(name, "{" + ",".join(tests) + "}", {"FOUNDRY_FUZZ_RUNS": "24"}) for name, tests in (("first", first), ("near", near)) if tests]
        # What survived a quick run has met the concrete tests already.
        rounds += ROUNDS[:1] if self.args.quick else ROUNDS[1:] + ROUNDS[:1] if self.args.survivors else ROUNDS
        for name, paths, settings in rounds:
            outcome, output = self.run(number, worker, paths, settings)
            if outcome == "pass":
                continue
            by = FAILED_IN.search(output)
            if by and not by.group(1).startswith("test/invariant/"):
                self.remember(mutant.path, by.group(1))
            return outcome, by.group(1) if by else name
        return "survived", ""

    def remember(self, path, test):
        with self.lock:
            known = self.killers.setdefault(path, OrderedDict())
            known.pop(test, None)
            known[test] = True
