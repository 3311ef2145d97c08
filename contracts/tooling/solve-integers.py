"""Answers one SMT query by reasoning about integers instead of bits, for products and quotients of unknowns.

    <venv>/bin/python contracts/tooling/solve-integers.py QUERY.smt2

Used by scripts/symbolic.sh. Needs the package cvc5. Prints what a solver prints.
"""

import sys

import cvc5


def main():
    solver = cvc5.Solver()
    solver.setOption("solve-bv-as-int", "sum")
    solver.setOption("produce-models", "true")
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, sys.argv[1])
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        print(command.invoke(solver, symbols), end="", flush=True)


main()
