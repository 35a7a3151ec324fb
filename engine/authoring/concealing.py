"""Secrets out of what is printed about files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

# Names behind which a literal is a secret. What refers to one (`${…}`, `{{ … }}`, config.token) may be seen.
_NAMES = r"password|passwd|passphrase|secret|client_secret|token|access_token|refresh_token|api_key|apikey|ki|opc?"
_LITERAL = re.compile(
    rf"""(?:^|[\s{{,])["']?(?:{_NAMES})["']?\s*:\s+(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"'{{\[,}}\]#&*!|>][^\s,}}\]]*)""",
    re.IGNORECASE | re.MULTILINE,
)
_BEARER = re.compile(r"""\bbearer:\s*\[\s*(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"',\]$]+)""")
_IN_A_URL = re.compile(r"://[^\s:/@]*:(?P<value>[^\s@/]+)@")
_FORMS = (_LITERAL, _BEARER, _IN_A_URL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_REFERENCE = re.compile(r"\$\{|\{\{|[a-z_][\w-]*(?:\.[\w-]+)+|true|false|null|~", re.IGNORECASE)


def literal_secrets(text: str) -> frozenset[str]:
    """The literals that stand in a file where a secret belongs; prose in comments does not count."""
    return frozenset(value for value in _literals(_COMMENT.sub("", text)))


def without_literals(text: str) -> str:
    """The text with `*` in place of such literals, in comments too."""
    for form in _FORMS:
        text = form.sub(_starred, text)
    return text


def conceal(text: str, secrets: Collection[str]) -> str:
    """The text with `*` in place of each character of a secret, so that what stands behind keeps its column."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "*" * len(secret))
    return text


def _literals(text: str) -> Iterator[str]:
    for form in _FORMS:
        for match in form.finditer(text):
            if _is_literal(match["value"]):
                yield match["value"].strip("\"'")


def _is_literal(value: str) -> bool:
    value = value.strip("\"'")
    return len(value) > 2 and not _REFERENCE.match(value)


def _starred(match: re.Match[str]) -> str:
    if not _is_literal(match["value"]):
        return match[0]
    start, end = match.start("value") - match.start(), match.end("value") - match.start()
    value = match["value"]
    stars = "".join(char if char in "\"'" and index in (0, len(value) - 1) else "*" for index, char in enumerate(value))
    return f"{match[0][:start]}{stars}{match[0][end:]}"
