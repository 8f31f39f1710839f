"""``python -m bench [NAME…]``: measure all, or what is named, and print the table. Nothing is written."""

import sys

from bench import measures
from bench._rounds import shown

ALL = {
    "attempts": measures.attempts,
    "mutants": measures.mutants,
    "edits": measures.edits,
    "rows": measures.rows,
    "processes": measures.processes,
}


def main(names: list[str]) -> int:
    """Print the table; 2 where a name is not known."""
    if unknown := [name for name in names if name not in ALL]:
        print(f"{unknown[0]!r} is not measured here: {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        print(shown(list(ALL[name]())), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
