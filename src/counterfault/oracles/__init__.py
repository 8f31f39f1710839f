"""Oracles, one file each: pure judges of one question over a Case. ``judge(case)`` gives what it sees."""
