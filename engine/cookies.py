"""Cookies of a session: what its replies set goes back with its requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Jar = Mapping[str, str]


def taken_in(jar: Jar, set_cookie: str | None) -> Jar:
    """The jar after a reply whose `set-cookie` lines these are (one a line). RFC 6265 §5.2, for one server: path, domain and
    `Expires` are not looked at; `Max-Age` of nought or less, or an empty value, removes."""
    if not set_cookie:
        return jar
    after = dict(jar)
    for line in set_cookie.split("\n"):
        pair, *attributes = line.split(";")
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            after.pop(name.strip(), None)
            if value.strip() and not _over(attributes):
                after[name.strip()] = value.strip()
    return after


def _over(attributes: Iterable[str]) -> bool:
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        if name.strip().lower() == "max-age":
            digits = value.strip().lstrip("-")
            return digits.isdecimal() and (value.strip().startswith("-") or int(digits[:9]) == 0)
    return False


def header_of(jar: Jar) -> str:
    """The value of a `Cookie` header."""
    return "; ".join(f"{name}={value}" for name, value in jar.items())
