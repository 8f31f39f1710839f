"""What an agent prints: it never reaches our own stdout or stderr; of each attempt the head and the tail are kept."""

import os

KEPT = 64 << 10  # bytes of head, and of tail


def read_output(file: int) -> str:
    """The text in an open file: all of it, or its first and last 64 KiB and how much stood between."""
    size = os.fstat(file).st_size
    if size <= 2 * KEPT:
        return os.pread(file, size, 0).decode("utf-8", "replace")
    head, tail = os.pread(file, KEPT, 0), os.pread(file, KEPT, size - KEPT)
    return f"{head.decode('utf-8', 'replace')}\n… {size - 2 * KEPT} bytes …\n{tail.decode('utf-8', 'replace')}"
