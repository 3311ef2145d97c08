"""Mutation testing of the contracts; scripts/mutate.py is the command."""
