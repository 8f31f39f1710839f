"""``python -m worlds.rerecord`` in ``tests/`` writes the recorded runs of both worlds again, byte for byte the same."""

from . import support, travel

if __name__ == "__main__":
    support.TRACES.write_text(support.traces(), encoding="utf-8")
    travel.TRACES.write_text(travel.traces(), encoding="utf-8")
