"""A `*.test.yaml`: tests of one pipeline or connector. All values in it are plain."""

from __future__ import annotations

from typing import Any, Final

from engine.case import Case, Expect, ExpectedRequest, TestFile
from engine.loading.draft import items, members, text, whole
from engine.loading.node import Node
from engine.place import Place

_ASIDE: Final = ("call", "times")
_NESTED: Final = ("vars", "pb_data")


def build_test(root: Node, file: str) -> TestFile:
    """The tests a checked file declares."""
    return TestFile(
        file=file,
        pipeline=text(root.get("pipeline")) or None,
        connector=text(root.get("connector")) or None,
        config=_plain_map(root.get("config")),
        now=text(root.get("now")) or None,
        cases=tuple(_case(node, text(root.get("connector"))) for node in items(root.get("tests"))),
        place=root.place,
    )


def _case(node: Node, connector: str) -> Case:
    event = node.get("event")
    events = [event] if event is not None else items(node.get("events"))
    return Case(
        name=text(node.get("name")),
        events=tuple(_plain_map(one) for one in events),
        call=text(node.get("call")) or None,
        enrich=text(node.get("enrich")) or None,
        with_=_plain_map(node.get("with")),
        replies=_replies(node.get("replies"), connector),
        expects=_expects(node.get("expect"), connector),
        now=text(node.get("now")) or None,
        config=_plain_map(node.get("config")),
        place=node.place,
    )


def full_name(operation: str, connector: str) -> str:
    """`connector.operation`; in a connector's own tests its name may be left out."""
    return operation if "." in operation or not connector else f"{connector}.{operation}"


def _replies(node: Node | None, connector: str) -> dict[str, tuple[dict[str, Any], ...]]:
    return {
        full_name(name, connector): tuple(_plain_map(reply) for reply in (items(replies) or [replies]))
        for name, replies in members(node).items()
    }


def _expects(node: Node | None, connector: str) -> tuple[Expect, ...]:
    if node is None:
        return ()
    return tuple(_expect(one, connector) for one in (items(node) if node.kind == "list" else [node]))


def _expect(node: Node, connector: str) -> Expect:
    requests = node.get("requests")
    return Expect(
        fields={name: child.plain() for name, child in members(node).items() if name != "requests"},
        requests=tuple(_request(one, connector) for one in items(requests)) if requests is not None else None,
        places=_places(node),
        place=node.place,
    )


def _request(node: Node, connector: str) -> ExpectedRequest:
    times = whole(node.get("times"))
    return ExpectedRequest(
        call=full_name(text(node.get("call")), connector),
        times=1 if times is None else times,
        fields={name: child.plain() for name, child in members(node).items() if name not in _ASIDE},
        place=node.place,
    )


def _places(node: Node) -> dict[str, Place]:
    places = {name: child.key_place or child.place for name, child in members(node).items()}
    for name in _NESTED:
        for member, child in members(node.get(name)).items():
            places[f"{name}.{member}"] = child.key_place or child.place
    return places


def _plain_map(node: Node | None) -> dict[str, Any]:
    return node.plain() if node is not None and node.kind == "map" else {}
