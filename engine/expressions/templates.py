"""Text with holes to templates, once, when the file is loaded. Values are data: what they hold is never rendered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.expressions.expression import Scope
from engine.expressions.rendering import Rendering
from engine.expressions.template import OMIT, Escape, TextTemplate, TreeTemplate
from engine.place import NOWHERE, Place

Path = tuple[str, ...]


def compile_text(text: str, place: Place = NOWHERE, escape: Escape = "none") -> TextTemplate:
    """A template that gives text, its holes escaped for where it goes. Raises TemplateInvalid."""
    rendering = Rendering.of(text, place, escape)
    return TextTemplate(text=text, place=place, reads=rendering.reads, render=rendering.text())


def compile_leaf(text: str, place: Place = NOWHERE) -> TreeTemplate:
    """A leaf of a tree: exactly one `{{ … }}` gives its value with its own type, other text gives text.

    Raises TemplateInvalid.
    """
    if "{" not in text:
        return tree_constant(text, place)
    rendering = Rendering.of(text, place, "none")
    return TreeTemplate(place=place, reads=rendering.reads, render=rendering.value() or rendering.text())


def tree_constant(value: Any, place: Place = NOWHERE) -> TreeTemplate:
    """A YAML value without holes."""
    return TreeTemplate(place=place, render=lambda _scope: value)


def tree_object(members: Mapping[str, TreeTemplate], place: Place = NOWHERE) -> TreeTemplate:
    """An object; a member that is OMIT is left out."""
    parts = [(name, member.render) for name, member in members.items()]

    def run(scope: Scope) -> Any:
        return {name: value for name, part in parts if (value := part(scope)) is not OMIT}

    return TreeTemplate(place=place, reads=_reads(members.values()), render=run, members=dict(members))


def tree_list(items: Sequence[TreeTemplate], place: Place = NOWHERE) -> TreeTemplate:
    """A list; an element that is OMIT is left out."""
    parts = [item.render for item in items]

    def run(scope: Scope) -> Any:
        return [value for part in parts if (value := part(scope)) is not OMIT]

    return TreeTemplate(place=place, reads=_reads(items), render=run, members=list(items))


def _reads(templates: Any) -> frozenset[Path]:
    return frozenset().union(*(template.reads for template in templates))
