"""What came back on one connection, and the unpacking of a body that was packed (RFC 9110 §8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.request import Fault

KEPT_OF_BROKEN = 4096  # enough for a person to see what it is

_GZIP, _ZLIB, _RAW = 31, 15, -15  # what zlib calls its formats
_GZIP_BEGINS = b"\x1f\x8b"  # RFC 1952 §2.3.1
_BEYOND_US = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})


@dataclass(slots=True)
class Answer:
    """One answer as far as it came: a break in the middle keeps what was there. Header names are lower-case."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    fault: Fault | None = None
    detail: str = ""


def headers_from(lines: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Repeated ones joined by ", " (RFC 9110 §5.3); `set-cookie`, which must not be, by line breaks.

    Bytes beyond ASCII are read as ISO 8859-1, which loses none of them (RFC 9110 §5.5).
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.lower().decode("latin-1"), raw_value.rstrip().decode("latin-1")
        if name in found:
            value = f"{found[name]}{_JOINTS.get(name, ', ')}{value}"
        found[name] = value
    return found


_JOINTS: Mapping[str, str] = {"set-cookie": "\n"}


def too_large(limit: int) -> str:
    """The words for a body above the limit."""
    return f"the body is larger than {limit} bytes (max_reply); read no further"


def unpack(answer: Answer, limit: int, where: str) -> None:
    """Unpacks its body in place; `limit` bounds what comes out.

    What cannot be unpacked makes a whole answer `unreadable`. A coding that names no packing is left as it is.
    """
    coding = answer.headers["content-encoding"].strip().lower()
    named = {part.strip() for part in coding.split(",")}
    if not answer.content or not named & (_BEYOND_US | {"gzip", "x-gzip", "deflate"}):
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        _unreadable(answer, f"the answer of {where} cannot be unpacked: {coding} is none of gzip, deflate")
        return
    content, problem = _unpacked(answer.content, coding, limit + 1)
    answer.content = content
    answer.headers.pop("content-encoding")
    answer.headers.pop("content-length", None)
    if len(content) > limit:
        answer.content = content[:KEPT_OF_BROKEN]
        _unreadable(answer, too_large(limit))
    elif problem:
        _unreadable(answer, f"the answer of {where} cannot be unpacked: {problem}")


def _unreadable(answer: Answer, detail: str) -> None:
    if answer.fault is None:
        answer.fault, answer.detail = "unreadable", detail


def _unpacked(packed: bytes, coding: str, most: int) -> tuple[bytes, str]:
    """At most `most` bytes of it, and in words why there are not all."""
    out = b""
    unpacking = zlib.decompressobj(_format(packed, coding))
    try:
        while True:
            out += unpacking.decompress(packed, most - len(out))
            packed = unpacking.unused_data
            # Members may follow each other (RFC 1952 §2.2); anything else behind the last one is no part of the body.
            if len(out) >= most or not unpacking.eof or not packed.startswith(_GZIP_BEGINS):
                return out, "" if unpacking.eof else "it ends too early"
            unpacking = zlib.decompressobj(_GZIP)
    except zlib.error as error:
        return out, str(error)


def _format(packed: bytes, coding: str) -> int:
    """`deflate` is zlib's format (RFC 9110 §8.4.1.2); some send it without that frame."""
    if coding != "deflate":
        return _GZIP
    framed = packed[0] & 0x0F == 8 and int.from_bytes(packed[:2], "big") % 31 == 0  # RFC 1950 §2.2
    return _ZLIB if framed else _RAW
