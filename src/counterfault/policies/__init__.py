"""The forms of a policy, one file each: ``compile(name, settings)`` gives the rule, ``examples`` show what it says.

A rule judges calls, recorded or replayed alike; it knows nothing of mutants.
"""
