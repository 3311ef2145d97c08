"""Mutation testing of the contracts; contracts/tooling/mutate.py is the command."""
