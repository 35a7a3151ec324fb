"""Step 6: a request with its holes filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.connector import RequestTemplate
from engine.errors import OursFailed
from engine.expressions.kinds import kind_of
from engine.expressions.template import Omit, TextTemplate, TreeTemplate
from engine.place import Place
from engine.request import BodyKind, HttpRequest
from engine.scalar import scalar_text

Scope = Mapping[str, Any]
Headers = Mapping[str, TextTemplate]


def render(template: RequestTemplate, headers: Headers, scope: Scope) -> HttpRequest:
    """The request for `args`, `config`, `session`, `item`, `idempotency_key` in `scope`.

    `headers` are the connector's; the operation's own of the same name replace them. Raises OursFailed with the place.
    """
    body, content = _body(template, scope)
    return HttpRequest(
        method=template.method,
        path=_path(template.path, scope),
        query=tuple(_pairs(template.query, "query", scope)),
        headers=_headers(headers, template.headers, scope) if headers or template.headers else (),
        body=body,
        content=content,
    )


def _path(template: TextTemplate, scope: Scope) -> str:
    path = template.render(scope)
    if isinstance(path, Omit):
        raise OursFailed("`path` was left out; it needs a value", template.place)
    if not path:
        return ""  # the base URL is whole already
    return "/" + path.lstrip("/")


def _headers(connector: Headers, own: Headers, scope: Scope) -> tuple[tuple[str, str], ...]:
    names = {name.lower() for name in own}
    found = [(name, template) for name, template in connector.items() if name.lower() not in names]
    rendered = ((name, template.render(scope)) for name, template in (*found, *own.items()))
    return tuple((name, text) for name, text in rendered if not isinstance(text, Omit))


def _pairs(template: TreeTemplate | None, part: str, scope: Scope) -> Iterator[tuple[str, str]]:
    """Names with their text; a list repeats its name."""
    values = None if template is None else template.render(scope)
    if template is None or isinstance(values, Omit) or values is None:
        return
    if not isinstance(values, Mapping):
        raise OursFailed(f"`{part}` must be names with values, not a {kind_of(values)}", template.place)
    for name, value in values.items():
        place = _member_place(template, name)
        for one in value if isinstance(value, list) else (value,):
            yield name, _text(one, f"{part}.{name}", place)


def _text(value: Any, name: str, place: Place) -> str:
    text = scalar_text(value)
    if text is None:
        hint = "write `| default(omit)` if it may be missing" if value is None else "write `| to_json` for its JSON"
        raise OursFailed(f"`{name}` is {_a(value)}, which is no text; {hint}", place)
    return text


def _a(value: Any) -> str:
    return "null" if value is None else f"a {kind_of(value)}"


def _member_place(template: TreeTemplate, name: str) -> Place:
    member = template.members.get(name) if isinstance(template.members, dict) else None
    return member.place if member else template.place


def _body(template: RequestTemplate, scope: Scope) -> tuple[BodyKind | None, Any]:
    if template.json is not None:
        content = template.json.render(scope)
        return (None, None) if isinstance(content, Omit) else ("json", content)
    if template.form is not None:
        return "form", list(_pairs(template.form, "form", scope))
    for kind, text in (("xml", template.xml), ("text", template.text)):
        if text is not None:
            rendered = text.render(scope)
            return (None, None) if isinstance(rendered, Omit) else ("xml" if kind == "xml" else "text", rendered)
    return None, None
