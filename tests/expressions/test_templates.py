"""Templates: types kept, text told exactly, each place escaped, missing values loud, and both ways of rendering alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OursFailed
from engine.expressions.rendering import Rendering
from engine.expressions.template import OMIT, Escape
from engine.expressions.templates import compile_leaf, compile_text, tree_constant, tree_list, tree_object
from engine.place import NOWHERE, Place

SCOPE: dict[str, Any] = {
    "args": {
        "imsi": "79123456789", "n": 5, "f": 2.5, "yes": True, "no": False, "null": None, "empty": "",
        "list": [{"name": "q", "on": True}, {"name": "r", "on": False}], "obj": {"values": 7, "items": [3], "a b": 1, "keys": 2},
        "evil": "{{ 7*7 }}{% for %}", "up": "../x", "dots": "..", "crlf": "a\r\nX: b", "xml": "<&'\">]]>", "nul": "\x00",
    },
    "config": {"plan": "gold"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ args.imsi }}", "79123456789"),
        ("{{ args.n }}", 5),
        ("{{ args.yes }}", True),
        ("{{ args.null }}", None),
        ("{{ args.list }}", SCOPE["args"]["list"]),
        ("{{ args.n }}\n", 5),
        ("{{ 'a' if args.yes else 'b' }}", "a"),
        ("{{ args.n + 1 }}", 6),
        ("{{ args.list | map(attribute='name') }}", ["q", "r"]),
        ("{{ [args.n, omit, {'a': omit, 'b': args.yes}] }}", [5, {"b": True}]),
        ("{{ args.obj.values }}", 7),
        ("{{ args.obj.items }}", [3]),
        ("{{ args.obj.keys }}", 2),
        ("{{ args.obj['a b'] }}", 1),
        ("{{ args.list[0].name }}", "q"),
        ("{{ args.gone | default(omit) }}", OMIT),
        ("{{ args.gone.deep | default(omit) }}", OMIT),
        ("{{ args.null | default('x') }}", "x"),
        ("{{ args.no | default('x') }}", False),
        ("{{ args.gone is defined }}", False),
        ("{{ args.null is defined }}", False),
        ("{{ args.evil }}", "{{ 7*7 }}{% for %}"),
        (" {{ args.n }}", " 5"),
        ("{{ args.n }}{{ args.n }}", "55"),
        ("79123456789", "79123456789"),
        ("{ no hole }", "{ no hole }"),
    ],
)
def test_a_leaf_keeps_the_type_of_its_only_hole(text: str, value: Any) -> None:
    found = compile_leaf(text).render(SCOPE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("IMSI {{ args.imsi }} is {{ args.n }}", "IMSI 79123456789 is 5"),
        ("{{ args.yes }}/{{ args.no }}/{{ args.f }}", "true/false/2.5"),
        ("{{ args.yes ~ '-' ~ args.n }}!", "true-5!"),
        ("{% for x in args.list %}{{ loop.index }}{{ x.name }}{{ '' if loop.last else ',' }}{% endfor %}", "1q,2r"),
        ("{% set n = args.n %}{% if n > 4 %}{{ n }}{% endif %}", "5"),
        ("x{{ args.list | to_json }}", 'x[{"name":"q","on":true},{"name":"r","on":false}]'),
        ("{{ ['a', args.yes, args.null] | join('+') }}!", "a+true!"),
        ("{{ args.evil }}!", "{{ 7*7 }}{% for %}!"),
        ("line\n", "line\n"),
        ("{{ args.imsi | replace('7', '8') | upper }}.", "89123456889."),
        ("{{ args.f | round }}|{{ '7' | int }}", "2|7"),
    ],
)
def test_text_says_booleans_and_numbers_as_json_does(text: str, rendered: str) -> None:
    assert compile_text(text).render(SCOPE) == rendered


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {{ args.null }}", "args.null is null, which text cannot hold"),
        ("a {{ args.list }}", "a value is a list. Write {{ … | to_json }}"),
        ("a {{ args.obj }}", "a value is an object"),
        ("a {{ args.gone }}", "args.gone is not defined; there is: crlf, dots"),
        ("a {{ args.gone }}", "Write {{ … | default(omit) }} if it may be missing"),
        ("a {{ gone.x }}", "gone is not defined; there is: args, config"),
        ("{% if args.gone %}a{% endif %}", "args.gone is not defined"),
        ("{{ args.gone | upper }}", "args.gone is not defined"),
        ("{{ args.gone ~ 'a' }}", "args.gone is not defined"),
        ("{{ args.imsi.deep }}", "args.imsi.deep is not defined: text has no keys"),
        ("a{{ omit }}", "omit drops a whole value"),
        ("{{ args.n | upper }}", "upper: argument 1 must be text, it is a number: 5"),
        ("{{ 'x' | int }}", 'int: "x" is no number'),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ args.n + 'a' }}", "+ takes numbers, not number and text"),
        ("{{ args.n < 'a' }}", "not supported"),
    ],
)
def test_what_cannot_be_text_fails_with_the_name_and_what_to_write(text: str, message: str) -> None:
    with pytest.raises(OursFailed) as failed:
        compile_text(text, Place("c.yaml", 3, 5)).render(SCOPE)
    assert message in failed.value.reason
    assert failed.value.place == Place("c.yaml", 3, 5)


def test_a_failure_in_a_block_points_at_its_line() -> None:
    with pytest.raises(OursFailed) as failed:
        compile_text("a\nb\n{% if args.n %}{{ 1/0 }}{% endif %}", Place("c.yaml", 10, 9)).render(SCOPE)
    assert failed.value.place == Place("c.yaml", 12, 1)


def test_a_tree_drops_what_is_omitted_and_keeps_the_rest() -> None:
    tree = tree_object(
        {
            "imsi": compile_leaf("{{ args.imsi }}"),
            "gone": compile_leaf("{{ args.gone | default(omit) }}"),
            "list": tree_list([compile_leaf("{{ args.n }}"), compile_leaf("{{ omit }}"), tree_constant(True)]),
        }
    )
    assert tree.render(SCOPE) == {"imsi": "79123456789", "list": [5, True]}
    assert tree.reads == {("args", "imsi"), ("args", "gone"), ("args", "n")}
    assert isinstance(tree.members, dict)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("IMSI {{ vars.imsi }} is {{ args.null }}missing", "IMSI  is missing"),
        ("{{ args.gone.deep.deeper }}", ""),
        ("{{ args.gone | upper }}", ""),
        ("{% if args.gone %}x{% endif %}y", "y"),
        ("{{ args.gone ~ '!' }}", "!"),
        ("{{ args.obj.items }}", "[3]"),
        ("{{ args.yes }}", "true"),
    ],
)
def test_in_a_reason_what_is_missing_reads_as_nothing(text: str, rendered: str) -> None:
    assert compile_text(text, NOWHERE, "reason").render(SCOPE) == rendered


@pytest.mark.parametrize(
    ("escape", "text", "rendered"),
    [
        ("url", "/a/{{ args.imsi }}/{{ args.up }}", "/a/79123456789/..%2Fx"),
        ("url", "/a/{{ args.obj['a b'] }}{{ args.xml }}", "/a/1%3C%26%27%22%3E%5D%5D%3E"),
        ("url", "/a/{{ 'ä ü/?#%' }}", "/a/%C3%A4%20%C3%BC%2F%3F%23%25"),
        ("url", "/a/{{ '%2e%2e' }}", "/a/%252e%252e"),
        ("header", "Bearer {{ args.imsi }}", "Bearer 79123456789"),
        (
            "xml",
            "<a b='{{ args.xml }}'>{{ args.xml }}</a>",
            "<a b='&lt;&amp;&#39;&quot;&gt;]]&gt;'>&lt;&amp;&#39;&quot;&gt;]]&gt;</a>",
        ),
        ("xml", "{% for x in args.list %}<b>{{ x.name ~ '<' }}</b>{% endfor %}", "<b>q&lt;</b><b>r&lt;</b>"),
    ],
)
def test_a_hole_is_escaped_for_where_it_stands(escape: Escape, text: str, rendered: str) -> None:
    assert compile_text(text, NOWHERE, escape).render(SCOPE) == rendered


@pytest.mark.parametrize(
    ("escape", "text", "message"),
    [
        ("url", "/a/{{ args.dots }}/b", "the segment '..'"),
        ("url", "/a/{{ args.dots }}", "the segment '..'"),
        ("url", "/a/.{{ '.' }}", "the segment '..'"),
        ("url", "{{ args.dots }}", "the segment '..'"),
        ("url", "/a/{{ args.empty }}", "is empty"),
        ("url", "/a/{{ args.null }}", "args.null is null"),
        ("url", "/a/{{ '\ud800' }}", "half a character"),
        ("header", "x{{ args.crlf }}", "control character U+000D"),
        ("header", "x{{ args.nul }}", "control character U+0000"),
        ("header", "{{ args.crlf }}", "control character U+000D"),
        ("xml", "<a>{{ args.nul }}</a>", "U+0000, which XML 1.0 cannot hold"),
        ("xml", "<a>{{ '\ufffe' }}</a>", "U+FFFE"),
    ],
)
def test_a_value_that_would_break_out_of_its_place_is_an_error(escape: Escape, text: str, message: str) -> None:
    with pytest.raises(OursFailed) as failed:
        compile_text(text, NOWHERE, escape).render(SCOPE)
    assert message in failed.value.reason


def test_a_whole_text_of_default_omit_is_dropped() -> None:
    assert compile_text("{{ args.gone | default(omit) }}", NOWHERE, "header").render(SCOPE) is OMIT


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("{{ args.a.b }}{{ config['x'].y }}", {"args.a.b", "config.x.y"}),
        ("{% for x in args.list %}{{ x.name }}{{ loop.index }}{{ item }}{% endfor %}", {"args.list", "item"}),
        ("{% set a = args.n %}{{ a.b }}", {"args.n"}),
        ("{{ args.a | default(omit) }}", {"args.a"}),
        ("{{ args.list[0].name }}", {"args.list"}),
        ("no hole", set()),
    ],
)
def test_a_template_says_which_paths_it_reads(text: str, reads: set[str]) -> None:
    assert {".".join(path) for path in compile_text(text).reads} == reads


PATHS = st.sampled_from(["args.a", "args.b", "args", "a", "args.a.b", "args['a b']", "item", "args.a.b.a"])
HOLES = st.one_of(
    PATHS.map("{{{{ {} }}}}".format),
    PATHS.map("{{{{ {} | default(omit) }}}}".format),
    PATHS.map("{{{{ {} | default('d') }}}}".format),
    PATHS.map("{{{{ {} | default(5) }}}}".format),
)
TEXTS = st.lists(HOLES | st.sampled_from(["x", " ", "/", "<"]), min_size=1, max_size=4).map("".join)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "a b"]), inner, max_size=3),
    max_leaves=6,
)
SCOPES = st.dictionaries(st.sampled_from(["args", "a", "item"]), VALUES, max_size=3)


@settings(max_examples=500, deadline=None)
@given(text=TEXTS, scope=SCOPES, escape=st.sampled_from(["none", "url", "header", "xml", "reason"]), leaf=st.booleans())
def test_the_straight_way_gives_what_jinja_gives(text: str, scope: dict[str, Any], escape: Escape, leaf: bool) -> None:
    def rendered(straight: bool) -> Any:
        rendering = Rendering.of(text, NOWHERE, "none" if leaf else escape, straight)
        run = (rendering.value() if leaf else None) or rendering.text()
        try:
            return run(scope)
        except OursFailed:
            return OursFailed

    assert repr(rendered(True)) == repr(rendered(False))
