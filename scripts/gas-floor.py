#!/usr/bin/env python3
"""Compares measured gas with what the gas schedule makes unavoidable.

    scripts/gas-floor.py               tables for both schedules; exit code 1 if an operation is above its gate
    scripts/gas-floor.py --no-gate     the same tables, exit code 0
    scripts/gas-floor.py --self-test   the arithmetic against published bounds

Reads contracts/tooling/gas/schedule.json (prices), contracts/tooling/gas/operations.json (what each operation is made of) and
contracts/tooling/snapshots/*.json (what `forge test` measured in isolated transactions, FOUNDRY_PROFILE=gas).

Two floors per operation:
* minimal: the least that any contract for this purpose needs (one slot, one event, the smallest calldata);
* design: what this protocol's own operation needs, item by item: its real calldata, each slot that it must read,
  update or create, each account, transfer, event and signature. The gate is on this one: what is left above it is
  code, and only code.

An item list has these fields, all optional numbers: `zeroBytes`, `nonzeroBytes` (calldata), `newSlots` (cold, zero to
non-zero), `updatedSlots` (cold, non-zero to non-zero), `readSlots` (cold, only read), `clearedSlots` (cold, to zero),
`warmAccesses`, `coldAccounts`, `transfers` (of value, to an account that exists), `newAccounts`, `ecrecovers`,
`hashes` with `hashWords` in all, `other` (gas of anything else, said in `why`); `logs` is a list of
[topics, data bytes] or [topics, data bytes, times]; `value` is true if the transaction carries value. The design's
calldata is the measured call's, noted by the tests in Calldata.json under the operation's `calldata`.

The gate is `gates` by kind, or the operation's `allowance`, whose price is then said in `buys`.

The floor of the next fork's measured figure is not known before the fork; the table shows
measured + (design under the next schedule - design today): code costs the same, items cost the new price.
"""

import argparse
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIELDS = {
    "zeroBytes", "nonzeroBytes", "newSlots", "updatedSlots", "readSlots", "clearedSlots", "warmAccesses",
    "coldAccounts", "transfers", "newAccounts", "ecrecovers", "hashes", "hashWords", "other", "logs", "value", "why",
}
UNIT_PRICES = {
    "zeroBytes": "zeroByte", "nonzeroBytes": "nonzeroByte", "newSlots": "newSlot", "updatedSlots": "updatedSlot",
    "readSlots": "readSlot", "clearedSlots": "updatedSlot", "warmAccesses": "warmAccess",
    "coldAccounts": "coldAccount", "transfers": "transfer", "newAccounts": "newAccount", "ecrecovers": "ecrecover",
    "hashes": "hash", "hashWords": "hashWord",
}


def floor(items, prices):
    """Gas of one isolated transaction made of these items alone."""
    unknown = set(items) - FIELDS
    if unknown:
        raise SystemExit(f"gas-floor: unknown item {', '.join(sorted(unknown))}; known are {', '.join(sorted(FIELDS))}")
    gas = prices["baseWithValue"] if items.get("value") else prices["base"]
    gas += sum(items.get(field, 0) * prices[price] for field, price in UNIT_PRICES.items())
    gas += items.get("other", 0)
    for topics, size, *times in items.get("logs", []):
        gas += (times[0] if times else 1) * (prices["log"] + topics * prices["topic"] + size * prices["logByte"])
    refund = items.get("clearedSlots", 0) * prices["clearedSlotRefund"]
    gas -= min(refund, gas // prices["refundCap"])
    return max(gas, calldata_floor(items, prices))


def calldata_floor(items, prices):
    """Least gas of a transaction with this calldata, whatever it does (EIP-7623, EIP-7976)."""
    return (
        prices["floorBase"]
        + items.get("zeroBytes", 0) * prices["floorZeroByte"]
        + items.get("nonzeroBytes", 0) * prices["floorNonzeroByte"]
    )


def load(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"gas-floor: can't read {path}: {error}") from error


def measured_gas(operation, snapshots):
    source = operation["measured"]
    try:
        return int(snapshots[source["file"]][source["key"]])
    except KeyError:
        return None


def design_items(operation, snapshots):
    """Items of the design with the measured call's bytes; None if they were not noted."""
    items = dict(operation["design"])
    name = operation.get("calldata")
    if name is None:
        return items
    noted = snapshots.get("Calldata.json", {})
    try:
        items["zeroBytes"] = int(noted[f"{name}: zero bytes"])
        items["nonzeroBytes"] = int(noted[f"{name}: other bytes"])
    except KeyError:
        return None
    return items


def report(schedule, operations, snapshots, out):
    """Prints the tables; returns what is above its gate and what was not measured."""
    above, missing = [], []
    for fork in ("today", "next"):
        prices = schedule[fork]
        print(f"## {prices['name']}\n", file=out)
        print("| operation | minimal | design | measured | / minimal | / design | gate |", file=out)
        print("|---|---|---|---|---|---|---|", file=out)
        for operation in operations["operations"]:
            gas = measured_gas(operation, snapshots)
            items = design_items(operation, snapshots)
            if gas is None or items is None:
                missing.append(operation["name"])
                continue
            rows = operation.get("rows", 1)
            minimal = floor(operation["minimal"], prices) if operation.get("minimal") else None
            design = floor(items, prices)
            if fork == "next":
                gas += design - floor(items, schedule["today"])
            gate = operation.get("allowance", operations["gates"][operation["gate"]])
            ratio = gas / design
            failed = ratio > gate
            if failed:
                above.append(f"{operation['name']} ({fork}): {ratio:.3f} > {gate}")
            print(row(operation, [minimal, design, gas], rows, gate, failed), file=out)
        print(file=out)
    allowed = [operation for operation in operations["operations"] if "allowance" in operation]
    if allowed:
        print("What operations with a gate of their own buy for it:\n", file=out)
    for operation in allowed:
        print(f"* {operation['name']}: {operation['buys']}", file=out)
    return above, sorted(set(missing))


def row(operation, figures, rows, gate, failed):
    minimal, design, gas = figures
    shown = ["–" if figure is None else f"{figure / rows:,.0f}" for figure in figures]
    least = "–" if minimal is None else f"{gas / minimal:.2f}"
    name = operation["name"] + (f", per row of {rows}" if rows > 1 else "")
    mark = " above" if failed else ""
    return f"| {name} | {' | '.join(shown)} | {least} | {gas / design:.2f} | {gate}{mark} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-gate", action="store_true", help="never fail because of a gate")
    parser.add_argument("--self-test", action="store_true", help="test the arithmetic")
    parser.add_argument("--contracts", type=Path, default=ROOT / "contracts", help="folder of the contracts")
    args = parser.parse_args()
    if args.self_test:
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(PublishedBounds)
        return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
    snapshots = {path.name: load(path) for path in sorted((args.contracts / "tooling" / "snapshots").glob("*.json"))}
    above, missing = report(
        load(args.contracts / "tooling" / "gas" / "schedule.json"),
        load(args.contracts / "tooling" / "gas" / "operations.json"),
        snapshots,
        sys.stdout,
    )
    for name in missing:
        print(f"not measured: {name}; no such name in contracts/tooling/snapshots")
    for line in above:
        print(f"above its gate: {line}")
    return 1 if (above or missing) and not args.no_gate else 0


class PublishedBounds(unittest.TestCase):
    """Bounds that were computed elsewhere from the same schedules. `other` is calldata, event and hashing, which the
    published figures give in sum only."""

    def setUp(self):
        schedule = load(ROOT / "contracts" / "tooling" / "gas" / "schedule.json")
        self.today, self.next = schedule["today"], schedule["next"]

    def both(self, items):
        return floor(items, self.today), floor(items, self.next)

    def test_publish(self):
        self.assertEqual(self.both({"newSlots": 1, "other": 2885}), (45_985, 127_905))

    def test_acquire(self):
        native = {"value": True, "newSlots": 1, "other": 4474}
        self.assertEqual(self.both(native), (47_574, 135_494))
        token = {"newSlots": 1, "updatedSlots": 2, "readSlots": 1, "coldAccounts": 1, "other": 6454}
        self.assertEqual(self.both(token), (64_254, 160_774))

    def test_claim(self):
        self.assertEqual(self.both({"updatedSlots": 2, "other": 6401}), (37_401, 45_601))
        self.assertEqual(self.both({"newSlots": 1, "updatedSlots": 1, "other": 6401}), (54_501, 143_521))

    def test_commit(self):
        self.assertEqual(self.both({"value": True, "newSlots": 1, "other": 3160}), (46_260, 134_180))

    def test_opening_is_bound_by_execution_today_and_by_calldata_next(self):
        items = {"nonzeroBytes": 4486, "ecrecovers": 32, "other": 20_218}
        self.assertEqual(self.both(items), (212_194, 302_104))

    def test_calldata_floor(self):
        items = {"nonzeroBytes": 1000, "zeroBytes": 500}
        self.assertEqual(calldata_floor(items, self.today), 21_000 + 40_000 + 5_000)
        self.assertEqual(floor(items, self.today), 66_000)
        self.assertEqual(floor({**items, "newSlots": 3}, self.today), 21_000 + 16_000 + 2_000 + 66_300)
        self.assertEqual(calldata_floor(items, self.next), 15_000 + 96_000)

    def test_items(self):
        self.assertEqual(floor({"logs": [[2, 64]]}, self.today), 21_000 + 375 + 750 + 512)
        self.assertEqual(floor({"hashes": 2, "hashWords": 5}, self.today), 21_000 + 60 + 30)
        self.assertEqual(floor({"clearedSlots": 1}, self.today), 21_000 + 5_000 - 4_800)
        self.assertEqual(floor({"clearedSlots": 10}, self.today), 71_000 - 71_000 // 5)
        with self.assertRaises(SystemExit):
            floor({"newSlot": 1}, self.today)


if __name__ == "__main__":
    sys.exit(main())
