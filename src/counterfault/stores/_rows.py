"""How a value stands in a row: as JSON, compressed where it is long, under a checksum that covers its keys too."""

import json
import zlib
from typing import Any

_LONG = 1 << 10
_COMPRESSED = b"\x78"  # the first byte of every zlib stream; that of an object in JSON is "{"


def pack(data: dict[str, Any]) -> bytes:
    """The bytes of an object. Lone surrogates, NaN and integers of any size survive."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return zlib.compress(text, 1) if len(text) > _LONG else text


def unpack(payload: bytes) -> dict[str, Any]:
    """The object that ``pack`` wrote."""
    text = zlib.decompress(payload) if payload.startswith(_COMPRESSED) else payload
    data: dict[str, Any] = json.loads(text.decode("utf-8", "surrogatepass"))
    return data


def checksum(table: str, campaign: str, key: str, payload: bytes) -> int:
    """The CRC-32 of a row: a row under another's key is as damaged as one with other bytes."""
    return zlib.crc32(payload, zlib.crc32("\0".join((table, campaign, key, "")).encode()))


def is_whole(table: str, campaign: Any, key: Any, crc: Any, payload: Any) -> bool:
    """Whether a row is the one that was written. Damage can change the type of a column, too."""
    typed = isinstance(campaign, str) and isinstance(key, str) and isinstance(payload, bytes)
    return typed and crc == checksum(table, campaign, key, payload)
