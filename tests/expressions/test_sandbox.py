"""Hostile templates: nothing of Python is within reach, and nothing runs or grows without bound."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import OursFailed
from engine.expressions.invalid import TemplateInvalid
from engine.expressions.templates import compile_leaf, compile_text

SCOPE: dict[str, Any] = {"args": {"text": "a", "n": 5, "list": [1, 2], "big": [0] * 1000}, "config": {}}


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ args.text.__class__ }}",
        "{{ args.text.format('x') }}",
        "{{ '{0.__class__}'.format(args) }}",
        "{{ args.text.upper() }}",
        "{{ args.list.append(1) }}",
        "{{ args | attr('__class__') }}",
        "{{ args | attr('get') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ self }}",
        "{{ cycler.__init__ }}",
        "{{ cycler }}",
        "{{ lipsum.__globals__ }}",
        "{{ lipsum }}",
        "{{ namespace(a=1) }}",
        "{{ joiner }}",
        "{{ range(1000000000) }}",
        "{{ eval('1') }}",
        "{{ getattr(args, 'x') }}",
        "{{ loop.cycle('a') }}",
        "{{ args.list | map('attr', 'x') | format }}",
        "{{ '%s' | format(args) }}",
        "{{ args | xmlattr }}",
        "{{ args.text | safe }}",
        "{{ args | pprint }}",
        "{{ args.text | center(1000000000) }}",
        "{{ args is callable }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% call a() %}{% endcall %}",
        "{% filter upper %}a{% endfilter %}",
        "{% set a %}<b>{% endset %}",
        "{% for a in args.list recursive %}{{ loop(a) }}{% endfor %}",
        "{% set ns.a = 1 %}",
        "{% autoescape false %}{% endautoescape %}",
    ],
)
def test_what_a_template_may_not_do_is_refused_when_it_is_loaded(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        compile_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ args['__class__'] }}",
        "{{ args.list['append'] }}",
        "{{ args['te' ~ 'xt']['__class__'] }}",
        "{{ args.list | map(attribute='__class__') | join }}",
        "{{ args.list | map('attr', '__class__') | list }}",
        "{{ args.list | map('format') | list }}",
        "{{ args.list | select('callable') | list }}",
        "{{ args.text * 1000000000 }}",
        "{{ 'a' * 10**9 }}",
        "{{ [0] * 10**9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 10 ** 60 }}",
        "{{ '%099999999d' % 5 }}",
        "{{ args.text % 5 }}",
        "{{ -args.text }}",
        "{% for a in args.big %}{% for b in args.big %}{% endfor %}{% endfor %}",
        "{% for a in args.big %}" + "x" * 10_000 + "{% endfor %}",
        "{% set a = 'x' | replace('x', '" + "x" * 3000 + "') %}{{ a | replace('x', a) }}",
        "{% set n = 2 ** 60 %}{% set n = n * n %}{{ n }}",
    ],
)
def test_what_would_escape_or_never_end_fails_in_words(text: str) -> None:
    template = compile_text(text)
    with pytest.raises(OursFailed):
        template.render(SCOPE)


def test_concatenation_is_bounded() -> None:
    lines = "".join("{% set a = " + " ~ ".join(["a"] * 20) + " %}" for _ in range(12))
    with pytest.raises(OursFailed, match="4,194,304"):
        compile_text("{% set a = 'xxxxxxxxxx' %}" + lines + "{{ a }}").render(SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 500 + "a" + ")" * 500 + " }}",
        "{{ " + "not " * 5_000 + "a }}",
        "{{ a" + ".a" * 5_000 + " }}",
        "{{ a" + " | upper" * 5_000 + " }}",
        "{{ " + "[" * 5_000 + " }}",
        "{{ " + "-" * 5_000 + "1 }}",
        "{{ " + "a if b else " * 3_000 + "c }}",
        "{% if a %}" * 500 + "{% endif %}" * 500,
        "{% for a in b %}" * 30 + "{% endfor %}" * 30,
        "x" * 300_000,
    ],
)
def test_a_template_too_long_or_deep_is_refused_in_words(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        compile_text(text)


@pytest.mark.parametrize(
    ("text", "offset", "length", "note"),
    [
        ("x {{ a | uper }}", 9, 4, "did you mean upper?"),
        ("x {{ a | tojson }}", 9, 6, "write to_json"),
        ("x\n{{ a | find('b') }}", 9, 4, "find goes into an expression"),
        ("{{ a && b }}", 5, 1, "in a template write and"),
        ("{{ a.b() }}", 3, 4, "a function is a filter here"),
        ("{{ a is callable }}", 8, 8, "the tests are"),
        ("{{ a | split }}", 7, 5, "what stands before | is the first argument"),
        ("ab {{ a", 3, 1, ""),
    ],
)
def test_a_mistake_is_placed_and_told_what_to_write(text: str, offset: int, length: int, note: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        compile_leaf(text)
    assert (refused.value.offset, refused.value.length) == (offset, length)
    assert any(note in each for each in (*refused.value.notes, ""))


def test_values_are_data_whatever_they_look_like() -> None:
    hostile = "{{ 7*7 }}{% raw %}${secret:X}'\";--"
    scope = {"args": {"name": hostile}}
    assert compile_leaf("{{ args.name }}").render(scope) == hostile
    assert compile_leaf("<{{ args.name }}>").render(scope) == f"<{hostile}>"
    assert compile_leaf("{{ args.name ~ '' }}").render(scope) == hostile


def test_a_template_cannot_change_the_data() -> None:
    scope = {"args": {"list": [1]}}
    compile_text("{% set x = args.list + [2] %}{{ x | length }}").render(scope)
    assert scope == {"args": {"list": [1]}}
