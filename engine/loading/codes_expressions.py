"""Codes of expressions and templates: NSPS3xx; the traps bring their own words."""

from __future__ import annotations

from engine.expressions.traps import CODES as TRAPS
from engine.loading.code import Code

_TRAPPED = {
    "NSPS301": "!vars.account.blocked",
    "NSPS302": "vars.profiles[?name == 'x'].values[0]",
    "NSPS303": "vars.products[?active].features[?name == 'x']",
    "NSPS304": "data.variables.i_account == '5' && length(vars.imsi) == '15'",
    "NSPS305": "vars.profiles[?id == vars.wanted]",
    "NSPS306": "vars.active == true",
    "NSPS307": 'vars.plan == "gold"',
    "NSPS308": "vars.imsi > `5`",
    "NSPS309": "length(vars.numbers) | [?@ == '1']",
}

CODES: dict[str, Code] = {
    "NSPS320": Code(
        code="NSPS320",
        title="not an expression",
        explanation=(
            "The text is no JMESPath, or calls a function that does not exist or takes other arguments. Text stands in single "
            "quotes, a number or list in backticks. An unquoted ` #` begins a comment of YAML, which cuts the expression off."
        ),
        wrong="when: status = 200\nkind: split(vars.id, #)",
        right="when: status == `200`\nkind: \"split(vars.id, '#')\"",
    ),
    "NSPS321": Code(
        code="NSPS321",
        title="not a template",
        explanation=(
            "The text is no Jinja2 template of this language: a brace is not closed, a filter does not exist, or it does what "
            "templates may not do here, such as reading attributes of Python."
        ),
        wrong='path: "/subscriber/{{ args.imsi }"',
        right='path: "/subscriber/{{ args.imsi }}"',
    ),
    **{
        code: Code(code=code, title=title, explanation=explanation, wrong=_TRAPPED.get(code, ""), right=right)
        for code, (title, explanation, right) in TRAPS.items()
    },
}
