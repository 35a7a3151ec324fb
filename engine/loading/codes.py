"""Every code there is, from the parts that report them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from engine.loading.code import Code


@cache
def codes() -> Mapping[str, Code]:
    """All codes, in order: 1xx YAML and schema, 2xx names and references, 3xx expressions and templates, 4xx environment
    and settings, 5xx tests."""
    from engine.loading import codes_expressions, codes_references, codes_schema, codes_yaml

    parts = (codes_yaml, codes_schema, codes_references, codes_expressions)
    found = {code: explained for part in parts for code, explained in part.CODES.items()}
    return dict(sorted(found.items()))


def find_code(code: str) -> Code | None:
    """The code of that name, None when there is none."""
    return codes().get(code)
