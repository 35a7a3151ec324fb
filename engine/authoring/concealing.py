"""Secrets out of what is printed about files."""

from __future__ import annotations

import re
from collections.abc import Collection

# Names behind which a literal is a secret. What refers to one (`${…}`, `{{ … }}`, config.token) may be seen.
_NAMES = r"password|passwd|passphrase|secret|client_secret|token|access_token|refresh_token|api_key|apikey|ki|opc?"
_LITERAL = re.compile(
    rf"""(?:^|[\s{{,])["']?(?:{_NAMES})["']?\s*:\s+(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"'{{\[,}}\]#&*!|>][^\s,}}\]]*)""",
    re.IGNORECASE | re.MULTILINE,
)
_BEARER = re.compile(r"""\bbearer:\s*\[\s*(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"',\]$]+)""")
_IN_A_URL = re.compile(r"://[^\s:/@]*:(?P<value>[^\s@/]+)@")
_REFERENCE = re.compile(r"\$\{|\{\{|[a-z_][\w-]*(?:\.[\w-]+)+|true|false|null|~", re.IGNORECASE)


def literal_secrets(text: str) -> frozenset[str]:
    """The literals that stand in a file where a secret belongs."""
    found = (match["value"].strip("\"'") for form in (_LITERAL, _BEARER, _IN_A_URL) for match in form.finditer(text))
    return frozenset(value for value in found if len(value) > 2 and not _REFERENCE.match(value))


def conceal(text: str, secrets: Collection[str]) -> str:
    """The text with `*` in place of each character of a secret, so that what stands behind keeps its column."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "*" * len(secret))
    return text
