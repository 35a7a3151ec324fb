"""Every function of the language: one table that serves expressions, templates (as filters), the linter and the docs.

Null in, null out: a function given null returns null and is not called, unless `sees_null` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.expressions import list_functions as lists
from engine.expressions import text_functions as texts
from engine.expressions import time_functions as times
from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import (
    ANY,
    EXPRESSION,
    KEY,
    LIST,
    NUMBER,
    NUMBERS,
    OBJECT,
    SIZED,
    SORTABLE,
    TEXT,
    TEXT_OR_LIST,
    TEXTS,
    Kind,
    holds,
    kind_of,
    shown,
    with_article,
)

Gives = Literal["text", "number", "boolean", "list", "object", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function: what it takes and gives, and one sentence and one example for the docs.

    `repeats`: the last argument may stand several times. `ours`: not JMESPath's own. `filter_`: templates have it too.
    `faults`: for a literal argument at that index, what is wrong with it (None: nothing), said when the file is loaded.
    """

    call: Callable[..., Any]
    takes: tuple[Kind, ...]
    gives: Gives
    says: str
    example: str
    repeats: bool = False
    sees_null: bool = False
    ours: bool = False
    filter_: bool = False
    faults: dict[int, Callable[[str], str | None]] = field(default_factory=dict)

    def kind(self, index: int) -> Kind:
        """What the argument at `index` (from 0) must be."""
        return self.takes[min(index, len(self.takes) - 1)]

    def takes_count(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count >= len(self.takes) if self.repeats else count == len(self.takes)


def _jmespath(call: Callable[..., Any], takes: tuple[Kind, ...], gives: Gives, says: str, example: str) -> Function:
    return Function(call=call, takes=takes, gives=gives, says=says, example=example)


def _ours(call: Callable[..., Any], takes: tuple[Kind, ...], gives: Gives, says: str, example: str) -> Function:
    return Function(call=call, takes=takes, gives=gives, says=says, example=example, ours=True, filter_=True)


def _if(test: Any, then: Any, otherwise: Any) -> Any:
    """Only its table entry; the compiler makes it lazy: the branch not taken is not worked out."""
    return then if holds(test) else otherwise


FUNCTIONS: dict[str, Function] = {
    # ours: choosing and looking up
    "if": Function(
        call=_if, takes=(ANY, ANY, ANY), gives="any", sees_null=True, ours=True,
        says="the second if the first holds, else the third; the other one is not worked out",
        example="if(vars.open, [vars.number], `[]`)",
    ),
    "find": Function(
        call=lists.find, takes=(LIST, EXPRESSION, ANY), gives="any", ours=True,
        says="the first element whose expression is the value, null if none is",
        example="find(vars.profiles, &name, 'cs_profile').value",
    ),
    "where": Function(
        call=lists.where, takes=(LIST, EXPRESSION, ANY), gives="list", ours=True,
        says="all elements whose expression is the value",
        example="where(vars.services, &active, `true`)",
    ),
    "minus": _ours(lists.minus, (LIST, LIST), "list", "the elements of the first list that are not in the second",
                   "minus(vars.wanted, vars.present)"),
    "lookup": _ours(lists.lookup, (OBJECT, KEY), "any", "what the table has under the key, null if absent",
                    "lookup(config.bill_status, result.bill_status)"),
    # ours: text
    "split": _ours(texts.split, (TEXT, TEXT), "list", "the parts between separators", "split(pb_data.account_info.id, '@')[0]"),
    "replace": _ours(texts.replace, (TEXT, TEXT, TEXT), "text", "every second text in the first replaced by the third",
                     "replace(addon_effective_from, ' ', 'T')"),
    "matches": Function(
        call=texts.matches, takes=(TEXT, TEXT), gives="boolean", ours=True, filter_=True, faults={1: texts.pattern_fault},
        says="whether the regular expression is found anywhere in the text",
        example="matches(vars.imsi, '^00101')",
    ),
    "lower": _ours(str.lower, (TEXT,), "text", "in lower case", "lower(vars.name)"),
    "upper": _ours(str.upper, (TEXT,), "text", "in upper case", "upper(vars.name)"),
    "trim": _ours(str.strip, (TEXT,), "text", "without white space at its ends", "trim(vars.name)"),
    "digits": _ours(texts.digits, (TEXT,), "text", "only its digits", "digits(vars.phone)"),
    # ours: time, JSON, digests
    "parse_time": _ours(times.parse_time, (TEXT,), "number",
                        "seconds since 1970 of ISO 8601 or YYYY-MM-DD HH:MM:SS (UTC)",
                        "parse_time(data.variables.event_time)"),
    "format_time": Function(
        call=times.format_time, takes=(NUMBER, TEXT), gives="text", ours=True, filter_=True, faults={1: times.format_fault},
        says="seconds since 1970 as text, in UTC, in a format of strftime",
        example="format_time(parse_time(created_at), '%Y%m%d')",
    ),
    "to_json": Function(
        call=texts.to_json, takes=(ANY,), gives="text", sees_null=True, ours=True, filter_=True,
        says="JSON text", example="to_json(vars.services)",
    ),
    "from_json": _ours(texts.from_json, (TEXT,), "any", "the value that JSON text describes", "from_json(body.details)"),
    "base64": _ours(texts.base64, (TEXT,), "text", "Base64 of the text in UTF-8", "base64('a:b')"),
    "sha256": _ours(texts.sha256, (TEXT,), "text", "SHA-256 of the text in UTF-8, in hex", "sha256(vars.number)"),
    # JMESPath's own
    "abs": _jmespath(abs, (NUMBER,), "number", "without its sign", "abs(vars.balance)"),
    "avg": _jmespath(lists.avg, (NUMBERS,), "number", "the mean, null for an empty list", "avg(vars.amounts)"),
    "ceil": _jmespath(lists.ceil, (NUMBER,), "number", "rounded up", "ceil(vars.amount)"),
    "contains": _jmespath(lists.contains, (TEXT_OR_LIST, ANY), "boolean",
                          "whether the list has the element, or the text the part", "contains(vars.tags, 'vip')"),
    "ends_with": _jmespath(str.endswith, (TEXT, TEXT), "boolean", "whether the first ends with the second",
                           "ends_with(vars.id, '@msisdn')"),
    "floor": _jmespath(lists.floor, (NUMBER,), "number", "rounded down", "floor(vars.amount)"),
    "join": _jmespath(texts.join, (TEXT, TEXTS), "text", "the texts with the first between them; nulls are left out",
                      "join(', ', vars.names)"),
    "keys": _jmespath(list, (OBJECT,), "list", "the names in an object", "keys(vars.table)"),
    "length": _jmespath(len, (SIZED,), "number", "how many characters, elements or members", "length(vars.imsi)"),
    "map": _jmespath(lists.mapped, (EXPRESSION, LIST), "list", "the expression's value for each element",
                     "map(&name, vars.profiles)"),
    "max": _jmespath(lists.largest, (SORTABLE,), "any", "the largest, null for an empty list", "max(vars.amounts)"),
    "max_by": _jmespath(lists.max_by, (LIST, EXPRESSION), "any", "the element whose expression is largest",
                        "max_by(vars.rates, &price)"),
    "merge": Function(call=lists.merge, takes=(OBJECT,), gives="object", repeats=True,
                      says="the objects laid over one another", example="merge(config.defaults, vars.profile)"),
    "min": _jmespath(lists.smallest, (SORTABLE,), "any", "the smallest, null for an empty list", "min(vars.amounts)"),
    "min_by": _jmespath(lists.min_by, (LIST, EXPRESSION), "any", "the element whose expression is smallest",
                        "min_by(vars.rates, &price)"),
    "not_null": Function(call=lists.not_null, takes=(ANY,), gives="any", repeats=True, sees_null=True,
                         says="the first that is not null", example="not_null(vars.alias, vars.name)"),
    "reverse": _jmespath(lists.reverse, (TEXT_OR_LIST,), "any", "backwards", "reverse(vars.names)"),
    "sort": _jmespath(sorted, (SORTABLE,), "list", "in order", "sort(vars.names)"),
    "sort_by": _jmespath(lists.sort_by, (LIST, EXPRESSION), "list", "in the order of the expression's values",
                         "sort_by(vars.rates, &price)"),
    "starts_with": _jmespath(str.startswith, (TEXT, TEXT), "boolean", "whether the first starts with the second",
                             "starts_with(vars.imsi, '00101')"),
    "sum": _jmespath(sum, (NUMBERS,), "number", "the sum", "sum(vars.amounts)"),
    "to_array": Function(call=lists.to_array, takes=(ANY,), gives="list", sees_null=True,
                         says="a list as it is, all else as a list of it", example="to_array(body.item)"),
    "to_number": _jmespath(texts.to_number, (ANY,), "number", "the number a text spells, null if it spells none",
                           "to_number(body.count)"),
    "to_string": _jmespath(texts.to_string, (ANY,), "text", "text as it is, all else as JSON", "to_string(vars.i_account)"),
    "type": Function(call=lists.type_name, takes=(ANY,), gives="text", sees_null=True,
                     says="string, number, boolean, array, object or null", example="type(body)"),
    "values": _jmespath(lambda table: list(table.values()), (OBJECT,), "list", "the values in an object",
                        "values(vars.table)"),
}  # fmt: skip


def apply(name: str, function: Function, given: list[Any]) -> Any:
    """The function's value for arguments already worked out. Raises FunctionFailed naming function, argument and value."""
    if not function.sees_null and any(value is None for value in given):
        return None
    for index, value in enumerate(given):
        kind = function.kind(index)
        if not kind.accepts(value):
            raise FunctionFailed(refusal(name, index, kind, value))
    return called(name, function, given)


def called(name: str, function: Function, given: list[Any]) -> Any:
    """The call itself; what Python refuses in it is said in the function's name."""
    try:
        return function.call(*given)
    except (TypeError, ValueError, OverflowError) as error:
        raise FunctionFailed(f"{name}: {error}") from error


def refusal(name: str, index: int, kind: Kind, value: Any) -> str:
    """The message for an argument of the wrong kind, with what to write where that is known."""
    where, seen = f"{name}: argument {index + 1} must be {kind.name}", value
    if kind.elements and isinstance(value, list):
        odd = _odd_element(kind, value)
        where, seen = f"{where}; element {odd + 1}", value[odd]
    told = f"{where}{', it' if seen is value else ''} is {with_article(kind_of(seen))}: {shown(seen)}"
    if kind is TEXT and kind_of(value) in ("number", "boolean"):
        return f"{told}. Write to_string(…) around it"
    return f"{told}. Write to_number(…) around it" if kind is NUMBER and kind_of(value) == "text" else told


def _odd_element(kind: Kind, elements: list[Any]) -> int:
    allowed = next((each for each in kind.elements if elements[0].__class__ in each), kind.elements[0])
    return next(index for index, element in enumerate(elements) if element.__class__ not in allowed)


def refuses_count(name: str, function: Function, count: int) -> str:
    """The message for a wrong number of arguments."""
    wanted = len(function.takes)
    least = "at least " if function.repeats else ""
    return f"{name} takes {least}{wanted} argument{'s' if wanted != 1 else ''}, here it is given {count}"
