"""How a value stands in a row: JSON, compressed where it is long, under a checksum that covers its table and keys too."""

import json
import zlib
from typing import Any

_LONG = 1 << 10
_COMPRESSED = b"\x78"  # the first byte of every zlib stream; that of an object in JSON is "{"


def pack(data: Any) -> bytes:
    """The bytes of an object. Lone surrogates, NaN and integers of any size survive."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return zlib.compress(text, 1) if len(text) > _LONG else text


def unpack(payload: bytes) -> Any:
    """The object of ``pack``. Raises ValueError or zlib.error."""
    text = zlib.decompress(payload) if payload.startswith(_COMPRESSED) else payload
    return json.loads(text.decode("utf-8", "surrogatepass"))


def checksum(table: str, campaign: str, key: str, payload: bytes) -> int:
    """The CRC-32 of a row: a row under another's key is as damaged as one with other bytes."""
    return zlib.crc32(payload, zlib.crc32("\0".join((table, campaign, key, "")).encode("utf-8", "surrogatepass")))
