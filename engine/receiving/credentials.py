"""Who may post. Compared in constant time, over all pairs, whatever was sent.

Digests are compared rather than the words, so neither the place of the first difference nor the length shows in the time
an answer takes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest

from engine.settings import EspfAuth, NspsAuth

Headers = Iterable[tuple[bytes, bytes]]

LONGEST_HEADER_BYTES = 8192


class EspfCredentials:
    """ESPF's Basic pairs (RFC 7617) and custom two words, in the header the settings name (domain.md 1.1)."""

    def __init__(self, auth: EspfAuth) -> None:
        self.header = auth.header.lower().encode()
        self._basic = [
            sha256(f"{pair.user}:{pair.password}".encode(charset, errors="replace")).digest()
            for pair in auth.basic
            for charset in ("utf-8", "latin-1")  # RFC 7617 §2: without `charset` either is in use
        ]
        self._custom = [sha256(f"{pair.scheme} {pair.value}".encode()).digest() for pair in auth.custom]

    def accept(self, headers: Headers) -> bool:
        """Whether exactly one such header came and it holds one of the pairs."""
        value = only(headers, self.header)
        words = value.split()
        if len(words) != 2:
            return False
        # No digest is made for a method that the settings leave out: that tells nothing of what was sent.
        custom = bool(self._custom) and among(sha256(b" ".join(words)).digest(), self._custom)
        basic = words[0].lower() == b"basic" and among(sha256(_decoded(words[1])).digest(), self._basic)
        return custom or basic


class NspsCredentials:
    """Bearer tokens (RFC 6750 §2.1): one, or two while a token is rotated."""

    header = b"authorization"

    def __init__(self, auth: NspsAuth) -> None:
        self._tokens = [sha256(token.encode()).digest() for token in auth.bearer]

    def accept(self, headers: Headers) -> bool:
        """Whether exactly one Authorization header came and it bears one of the tokens."""
        words = only(headers, self.header).split()
        return len(words) == 2 and words[0].lower() == b"bearer" and among(sha256(words[1]).digest(), self._tokens)


def only(headers: Headers, name: bytes) -> bytes:
    """The value of the one header of this name; empty when there is none, are several, or it is absurdly long."""
    found = [value for key, value in headers if key == name]
    return found[0] if len(found) == 1 and len(found[0]) <= LONGEST_HEADER_BYTES else b""


def among(digest: bytes, accepted: Sequence[bytes]) -> bool:
    """Whether the digest is one of these; all are compared, always."""
    matches = [compare_digest(digest, each) for each in accepted]
    return any(matches)


def _decoded(word: bytes) -> bytes:
    try:
        return b64decode(word + b"=" * (-len(word) % 4), validate=True)
    except binascii.Error:
        return b""
