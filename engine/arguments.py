"""What an operation is called with: given by name or by `with`, converted, checked against each argument's schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema_rs

from engine.argument_kinds import converted
from engine.connector import Argument, Operation
from engine.errors import OursFailed
from engine.expressions.expression import Expression, Scope
from engine.place import Place
from engine.scalar import scalar_text
from engine.value import value as plain_value
from engine.worked_out import WorkedOut

_FORMATS: dict[str, tuple[str, str]] = {
    "imsi": (r"[0-9]{6,15}", "an IMSI: 6 to 15 digits (ITU-T E.212)"),
    "msisdn": (r"[1-9][0-9]{2,14}", "an MSISDN: 3 to 15 digits, country code first, no plus (ITU-T E.164)"),
    "iccid": (r"[0-9]{18,20}[Ff]?", "an ICCID: 18 to 20 digits (ITU-T E.118)"),
}


def _checker(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


FORMATS: dict[str, Callable[[str], bool]] = {name: _checker(pattern) for name, (pattern, _) in _FORMATS.items()}

_ANNOTATIONS = frozenset({"title", "description", "examples", "deprecated"})  # keywords that refuse nothing


@plain_value
class Arguments:
    """Checked values by name; those not given and without default are missing. `secrets` are to be masked."""

    values: dict[str, Any]
    secrets: frozenset[str] = frozenset()


def given(
    operation: Operation, by: Mapping[str, Expression] | None, scope: Scope, named: Mapping[str, Any]
) -> dict[str, Any]:
    """What a step hands over: what `with` (`by`) says, or without it what is in `named` under the arguments' names."""
    if by is None:
        return {argument.name: named.get(argument.name) for argument in operation.args}
    return {name: value.evaluate(scope) for name, value in by.items()}


def taken(operation: Operation, handed: Mapping[str, Any], place: Place | None) -> Arguments:
    """The operation's arguments. Raises OursFailed, with `place`, for one that is missing or not as its schema says."""
    values: dict[str, Any] = {}
    secret = False
    for name, surely, argument in _taking(operation):
        value = handed.get(name)
        if value is None:  # null counts as not given
            if argument.has_default:
                values[name] = argument.default
            elif argument.required:
                raise OursFailed(_missing(argument, operation), place)
        else:
            values[name] = value if surely(value) else _checked(argument, value, operation, place)
        secret = secret or argument.secret
    return Arguments(values=values, secrets=secrets_of(operation, values) if secret else _NONE)


def _checked(argument: Argument, value: Any, operation: Operation, place: Place | None) -> Any:
    value = converted(value, argument.schema)
    validator = _validators(argument)
    try:
        if validator.is_valid(value):
            return value
        wrong = _wrong(validator, value)
    except (ValueError, TypeError) as error:  # what is no JSON at all: a number out of range, a lone surrogate
        wrong = str(error)
    about = f"argument `{argument.name}` of {operation.connector}.{operation.name}"
    raise OursFailed(f"{about}: {wrong} (declared at {argument.place})", place)


def _wrong(validator: Any, value: Any) -> str:
    error = next(iter(validator.iter_errors(value)))
    at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    message = error.message if len(error.message) <= 300 else error.message[:299] + "…"
    for name, (_, meaning) in _FORMATS.items():
        if message.endswith(f'is not a "{name}"'):
            message = message.removesuffix(f'a "{name}"') + meaning
    return f"{at}: {message}" if at else message


def _missing(argument: Argument, operation: Operation) -> str:
    about = f"argument `{argument.name}` of {operation.connector}.{operation.name} is missing: nothing gives it a value"
    return f"{about}; give it one, or write `{argument.name}?` at {argument.place} if it may be missing"


def _takes(operation: Operation) -> list[tuple[str, Callable[[Any], bool], Argument]]:
    return [(argument.name, _sure(argument.schema), argument) for argument in operation.args]


def _sure(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Tells most values that are as the schema wants, many times faster than its validator; it may miss some."""
    wanted = {name: value for name, value in schema.items() if name not in _ANNOTATIONS}
    if wanted == {"type": "boolean"}:
        return lambda value: value.__class__ is bool
    if wanted == {"type": "integer"}:
        return lambda value: value.__class__ is int and -_LARGEST <= value <= _LARGEST
    if wanted == {"type": "string"}:
        return lambda value: value.__class__ is str and value.isascii()
    if wanted.keys() == {"type", "format"} and wanted["type"] == "string" and wanted["format"] in FORMATS:
        fits = FORMATS[wanted["format"]]
        return lambda value: value.__class__ is str and value.isascii() and fits(value)
    return lambda _value: False


def _validator(argument: Argument) -> Any:
    return jsonschema_rs.validator_for(
        dict(argument.schema),
        formats=FORMATS,
        validate_formats=True,
        mask="a secret value" if argument.secret else None,
    )


def secrets_of(operation: Operation, values: Mapping[str, Any]) -> frozenset[str]:
    """The texts in the values of arguments declared `secret: true`, numbers as text."""
    found = (texts_of(values[one.name]) for one in operation.args if one.secret and one.name in values)
    return frozenset(text for texts in found for text in texts if text)


def texts_of(value: Any) -> Iterator[str]:
    """The texts in a JSON value, numbers as text; neither names nor true, false and null."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from texts_of(element)
    elif value is not None and not isinstance(value, bool):
        yield scalar_text(value) or ""


_NONE: frozenset[str] = frozenset()
_LARGEST = 2**63 - 1
_taking = WorkedOut(_takes)
_validators = WorkedOut(_validator)
