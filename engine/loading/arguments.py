"""Whether a value known beforehand fits an argument's schema, by the rules the journey converts and checks with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs

from engine.argument_kinds import converted
from engine.arguments import FORMATS

STANDARD: Final = ("date", "date-time", "time", "email", "hostname", "ipv4", "ipv6", "regex", "uri", "uuid")
_FORMAT: Final = re.compile(r'is not an? "([\w-]+)"$')
KNOWN_FORMATS: Final = (*FORMATS, *STANDARD)


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Why the value does not fit, in words; empty when it does, perhaps after a conversion that loses nothing."""
    validator = jsonschema_rs.validator_for(dict(schema), formats=FORMATS, validate_formats=True)
    error = next(iter(validator.iter_errors(converted(value, schema))), None)
    return "" if error is None else _FORMAT.sub(r"does not have the format `\1`", str(error.message))
