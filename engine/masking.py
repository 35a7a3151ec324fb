"""What must never be shown: secrets, sessions and `secret: true` arguments, wherever their value appears."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from engine.secret_fields import in_sight, without_secret_fields

MASK = "***"
# A secret of up to three characters is masked only where it is a whole value: inside text it would blank out half of it.
# Up to seven, it is masked inside text only as a word of its own, so that a PIN does not cut holes into every IMSI.
_WHOLE_ONLY_BELOW = 4
_WORD_BELOW = 8
_CUT = "…"  # ends a text that was cut; what stands before may be the beginning of a secret
_TOLD_OF_CUT = 4  # so much of a beginning, or more, is masked
_GENERATIONS = 3  # of a session's values: replies to the one before may still be under way


class Masker:
    """Replaces every known secret by `***`, also in its base64, URL, JSON and XML forms."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._always: set[str] = set()
        self._groups: dict[str, deque[frozenset[str]]] = {}
        self._lens = _Lens(frozenset())
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Masks these from now on, for as long as the process runs."""
        new = {secret for secret in secrets if secret} - self._always
        if new:
            self._always |= new
            self._focus()

    def learn_session(self, owner: str, secrets: Iterable[str]) -> None:
        """Masks these in place of what `owner` had three sessions ago: what is renewed for years must not pile up."""
        generation = frozenset(secret for secret in secrets if secret)
        kept = self._groups.setdefault(owner, deque(maxlen=_GENERATIONS))
        if generation and generation not in kept:
            kept.append(generation)
            self._focus()

    def _focus(self) -> None:
        sessions = (generation for kept in self._groups.values() for generation in kept)
        self._lens = _Lens(frozenset(self._always).union(*sessions))

    def _lenses(self, also: Iterable[str]) -> list[_Lens]:
        more = frozenset(secret for secret in also if secret) - self._lens.secrets
        lenses = [self._lens, _lens_of(more)] if more else [self._lens]
        return [lens for lens in lenses if lens.secrets]

    def text(self, text: str, also: Iterable[str] = ()) -> str:
        """The text without secrets; `also` are secrets of this call alone."""
        for lens in self._lenses(also):
            text = lens.text(text)
        return text

    def value(self, value: Any, also: Iterable[str] = ()) -> Any:
        """A copy of a JSON value without secrets, or the value itself where it holds none."""
        lenses = self._lenses(also)
        if lenses and isinstance(value, (Mapping, list)):
            written = _written(value)
            lenses = [lens for lens in lenses if lens.seen_in(written)]
        for lens in lenses:
            value = lens.value(value)
        return value

    def dumps(self, value: Any, also: Iterable[str] = ()) -> bytes:
        """The value as JSON without secrets, nor what `secret_fields` names hold. What JSON lacks becomes text.

        Costs two searches where it holds none.
        """
        return self._clean(_written(value), self._lenses(also))

    def dumps_with(self, value: Any, part: Any, also: Iterable[str] = ()) -> tuple[bytes, bytes]:
        """`dumps` of both. All that `part` holds stands in `value` too, so where that holds no secret one search does."""
        written, lenses = _written(value), self._lenses(also)
        clean = self._clean(written, lenses)
        own = _written(part)
        return clean, own if clean is written else self._clean(own, lenses)

    def _clean(self, written: bytes, lenses: Iterable[_Lens]) -> bytes:
        """The JSON without secrets; the very same where it holds none."""
        if in_sight(written):
            written = _written(without_secret_fields(json.loads(written), MASK))
        for lens in lenses:
            if lens.seen_in(written):
                written = _written(lens.value(json.loads(written)))
        return written


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return _written_by_force(value)


def _written_by_force(value: Any) -> bytes:
    """Keys that are no text (to look for them each time takes as long as writing), integers beyond 64 bits, lone surrogates."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(value, default=str).encode()


class _Lens:
    """One set of secrets, compiled. Most texts hold none, and a plain search for each form says so fastest."""

    def __init__(self, secrets: frozenset[str]) -> None:
        self.secrets = secrets
        inside = {form: secret for secret in secrets if len(secret) >= _WHOLE_ONLY_BELOW for form in _forms(secret)}
        self._forms = tuple(inside)
        self._starts = tuple({form[:_TOLD_OF_CUT] for form in inside})
        self._seen = tuple({written for form in (*inside, *secrets) for written in _as_written(form)})
        longest_first = sorted(inside, key=lambda form: -len(form))
        self._pattern = re.compile("|".join(_pattern(form, inside[form]) for form in longest_first) or "(?!)")

    def seen_in(self, written: bytes) -> bool:
        """Whether any form stands in the JSON, perhaps only as a part of something longer."""
        for form in self._seen:  # no generator: this runs for each attempt
            if form in written:
                return True
        return any(cut in written for cut in _WRITTEN_CUTS) and any(start.encode() in written for start in self._starts)

    def text(self, text: str) -> str:
        if text in self.secrets:
            return MASK
        if any(form in text for form in self._forms):
            text = self._pattern.sub(MASK, text)
        return self._without_beginnings(text) if _CUT in text else text

    def _without_beginnings(self, text: str) -> str:
        """The text without beginnings of secrets that a cut left over."""
        told, *rest = text.split(_CUT)
        for piece in rest:
            told = f"{self._without_beginning(told)}{_CUT}{piece}"
        return told

    def _without_beginning(self, text: str) -> str:
        begins = [_begins(form, text) for form in self._forms]
        return text[: min(found)] + MASK if (found := [at for at in begins if at >= 0]) else text

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(name): self.value(member) for name, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(member) for member in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if str(value) in self.secrets else value
        return value


_lens_of = lru_cache(maxsize=256)(_Lens)  # an attempt masks the same few arguments again and again


def _pattern(form: str, secret: str) -> str:
    pattern = re.escape(form)
    return rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])" if len(secret) < _WORD_BELOW else pattern


def _begins(form: str, text: str) -> int:
    """Where in `text` a beginning of the form stands at its very end; -1 where none does."""
    at = text.find(form[:_TOLD_OF_CUT], max(0, len(text) - len(form) + 1))
    while at >= 0 and not form.startswith(text[at:]):
        at = text.find(form[:_TOLD_OF_CUT], at + 1)
    return at


def _as_written(form: str) -> set[bytes]:
    """The form as it stands in JSON, by either writer."""
    return {inner.encode("utf-8", "surrogatepass") for inner in (form, *_json_forms(form))}


def _json_forms(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


_WRITTEN_CUTS = (_CUT.encode(), json.dumps(_CUT)[1:-1].encode())
_ESCAPED = re.compile("%[0-9A-F]{2}")


def _forms(secret: str) -> set[str]:
    """The secret as it is, and as it looks where it is carried: JSON also within JSON."""
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    encoded |= {form.rstrip("=") for form in encoded}
    written = {again for once in _json_forms(secret) for again in (once, *_json_forms(once))}
    plain = (secret, *_json_forms(secret))
    carried = {form for text in plain for form in (*_markup_forms(text), *_url_forms(text), *_source_forms(text))}
    return {secret} | encoded | written | carried


def _source_forms(text: str) -> tuple[str, str]:
    """As programs write it in their own syntax, within either quotes."""
    escaped = text.replace("\\", "\\\\")
    return escaped, escaped.replace("'", "\\'")


def _url_forms(text: str) -> set[str]:
    """Percent-encoded, with capitals and without."""
    raw = text.encode("utf-8", "surrogatepass")
    forms = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    return forms | {_ESCAPED.sub(lambda found: found[0].lower(), form) for form in forms}


def _markup_forms(text: str) -> tuple[str, str, str]:
    """As XML and HTML escape it: quotes by name, not at all, by number."""
    by_name = escape(text)
    return by_name, escape(text, quote=False), by_name.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
