"""Fields that hold secrets whoever sends them: what an inventory says of a SIM card, what a login answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# Names in 3GPP TS 33.102 (Ki, OPc, K, OP), GSMA SIM profiles (ADM, PIN, PUK, OTA keys) and RFC 6749. Compared without
# case, `-` and `_`. A field that merely may be a secret, such as `token`, is left to `${secret:…}` and `secret: true`.
SECRET_FIELDS: Final = frozenset(
    {"ki", "opc", "adm", "adm1", "pin", "pin1", "pin2", "puk", "puk1", "puk2", "kic", "kid", "kik", "encryptedki"}
    | {"password", "passwd", "clientsecret", "accesstoken", "refreshtoken", "privatekey"}
)

_SEPARATED = {"encrypted_ki", "client_secret", "access_token", "refresh_token", "private_key"}
_SPELT = {name for one in SECRET_FIELDS | _SEPARATED for name in (one, one.upper(), one.capitalize())} | {
    "OPc",
    "clientSecret",
}

_WRITTEN = frozenset(name.encode() for name in _SPELT)
# Keys that begin as one of them does and are no longer: few, looked up in the set. Twice as fast as a regex of all names.
_LIKELY = re.compile(
    f'"([{"".join(sorted({name[0] for name in _SPELT}))}][A-Za-z0-9_]{{1,{max(map(len, _SPELT)) - 1}}}+)":'.encode()
)

_MEMBER = re.compile(r'"([A-Za-z0-9_-]{2,20})"\s*:\s*')
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\s"{}\[\],]+')
_NOTHING = {"null", '""'}


def in_sight(written: bytes) -> bool:
    """Whether JSON holds such a field. One search: most holds none."""
    return not _WRITTEN.isdisjoint(_LIKELY.findall(written))


def without_secret_fields(value: Any, mask: str) -> Any:
    """A copy of a JSON value with `mask` for what these fields hold; null and empty stay, for they tell what is missing."""
    if isinstance(value, Mapping):
        return {
            name: mask if member and _is_secret(name) else without_secret_fields(member, mask)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [without_secret_fields(member, mask) for member in value]
    return value


def held_in_secret_fields(value: Any) -> list[Any]:
    """What these fields hold in a JSON value, however deep they stand."""
    if isinstance(value, Mapping):
        own = [member for name, member in value.items() if _is_secret(name)]
        return own + [held for member in value.values() for held in held_in_secret_fields(member)]
    if isinstance(value, list):
        return [held for member in value for held in held_in_secret_fields(member)]
    return []


def without_secret_members(text: str, mask: str) -> str:
    """Text that looks like JSON, whether it is some (a body may be cut off), with `mask` for what these fields hold.

    All behind one that holds more than a scalar is masked, for where that ends may not be told."""
    told, at = "", 0
    for member in _MEMBER.finditer(text):
        if member.start() < at or not _is_secret(member[1]):
            continue
        held = _SCALAR.match(text, member.end())
        if held is not None and held[0] in _NOTHING:
            continue
        told += f'{text[at : member.end()]}"{mask}"'
        at = held.end() if held is not None else len(text)
    return told + text[at:]


def _is_secret(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in SECRET_FIELDS
