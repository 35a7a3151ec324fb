"""One failure of a schema in words: what stands there, what should, what to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.addresses import meant_by
from engine.loading.branches import Choice, types
from engine.loading.failure import Failure
from engine.loading.node import Node
from engine.loading.schemas import owners
from engine.loading.source import Source
from engine.loading.suggest import did_you_mean, listed
from engine.loading.wording import a_title, as_name, belongs, examples, has_no_such_field, instead, meant, shown, write
from engine.place import Place
from engine.problem import Problem

LATER_TRANSPORTS = (
    "sql",
    "tcp",
    "smtp",
    "ldap",
    "amqp",
    "kafka",
    "mqtt",
    "sftp",
    "ssh",
    "soap",
    "radius",
    "diameter",
)
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_KINDS = {"map": "a mapping", "list": "a list", "text": "text", "number": "a number", "bool": "{}", "null": "nothing"}


class Mismatch:
    """Turns the failures of one file into problems."""

    def __init__(self, source: Source, root: Node, schema_name: str) -> None:
        self.file = source.file
        self.root = root
        self.schema_name = schema_name

    def empty_file(self) -> Problem:
        """The problem of a file that holds nothing."""
        return Problem(
            code="NSPS133",
            severity="error",
            message="the file is empty",
            place=Place(self.file, 1, 1),
            notes=("write something, or delete the file",),
        )

    def problems(self, failure: Failure) -> Iterator[Problem]:
        """The problems of a failure that is no alternative."""
        if failure.of_a_name:
            yield self._name(failure)
        elif failure.rule == "additionalProperties":
            yield from self._unknown(failure)
        elif failure.rule == "required":
            yield from self._missing(failure)
        elif failure.rule == "dependentRequired":
            yield from self._dependent(failure)
        elif failure.rule == "type":
            yield self._type(failure, types(failure.part))
        elif failure.rule in ("enum", "const"):
            yield self._choice(failure)
        elif failure.rule == "pattern":
            yield self._pattern(failure)
        else:
            yield self._bound(failure)

    def undecided(self, failure: Failure, choice: Choice) -> Problem:
        """The problem of alternatives of which none can be meant, or several."""
        node, where = self._at(failure), self._where(failure.path)
        if choice.types:
            return self._type(failure, choice.types)
        if choice.field:
            return self._discriminator(node, where, choice)
        if choice.together:
            last = node.value[choice.together[-1]]
            notes = ("keep one of them",)
            message = f"{listed(choice.together)} exclude each other in {where}"
            return self._problem("NSPS109", message, last, key=choice.together[-1], notes=notes)
        message = f"{where} needs {listed(choice.missing, 'or')}"
        return self._problem("NSPS109", message, node, key=self._key(failure.path))

    def _discriminator(self, node: Node, where: str, choice: Choice) -> Problem:
        found = node.get(choice.field)
        choices = f"one of: {', '.join(choice.values)}"
        if found is None:
            example = f"write:  {choice.field}: {choice.values[-1]}"
            return self._problem(
                "NSPS105", f"missing field `{choice.field}` in {where}", node, notes=(example, choices)
            )
        notes = (*did_you_mean(str(found.value), choice.values), choices)
        return self._problem("NSPS107", f"{shown(found)} is no `{choice.field}` of {where}", found, notes=notes)

    def _unknown(self, failure: Failure) -> Iterator[Problem]:
        node = self._at(failure)
        allowed = sorted(failure.part.get("properties", {}))
        free = [name for name in allowed if name not in node.value]
        for name in sorted(set(node.value) - set(allowed)):
            note = did_you_mean(name, free) or belongs(name, owners(self.schema_name).get(name, ()))
            yield self._problem(
                "NSPS104",
                f"unknown field `{name}` in {self._where(failure.path)}",
                node.value[name],
                key=name,
                label=has_no_such_field(failure.part),
                notes=(*note, f"fields allowed here: {', '.join(allowed)}"),
            )

    def _missing(self, failure: Failure) -> Iterator[Problem]:
        node = self._at(failure)
        for name in failure.limit:
            if name not in node.value:
                yield self._problem(
                    "NSPS105",
                    f"missing field `{name}` in {self._where(failure.path)}",
                    node,
                    key=self._key(failure.path),
                    notes=write(name, failure.part),
                )

    def _dependent(self, failure: Failure) -> Iterator[Problem]:
        node = self._at(failure)
        for name, needed in failure.limit.items():
            missing = [other for other in needed if name in node.value and other not in node.value]
            if missing:
                message = f"`{name}` needs {listed(missing)} beside it in {self._where(failure.path)}"
                yield self._problem("NSPS105", message, node.value[name], key=name)

    def _type(self, failure: Failure, wanted: Sequence[str]) -> Problem:
        node = self._at(failure)
        where = self._where(failure.path)
        should = " or ".join(dict.fromkeys(_WORDS[kind] for kind in wanted))
        stands = _KINDS[node.kind].format(str(node.value).lower())
        if node.kind == "null":
            notes = ("write a value, or delete the line", *examples(failure))
            message = f"{where} has no value; it should be {should}"
            return self._problem("NSPS106", message, node, key=self._key(failure.path), notes=notes)
        notes = (*instead(node, wanted, failure), *examples(failure))
        return self._problem("NSPS106", f"{where} should be {should}", node, label=f"this is {stands}", notes=notes)

    def _choice(self, failure: Failure) -> Problem:
        node = self._at(failure)
        choices = failure.limit if failure.rule == "enum" else [failure.limit]
        if list(failure.path) == ["transport"] and node.value in LATER_TRANSPORTS:
            message = f"transport `{node.value}` comes later; this version has {listed(choices)}"
            note = "where the system has an HTTP API, write:  transport: http"
            return self._problem("NSPS111", message, node, notes=(note,))
        key = next((step for step in reversed(failure.path) if isinstance(step, str)), "")
        words = [str(choice) for choice in choices]
        notes = (*did_you_mean(str(node.value), words), f"one of: {', '.join(words)}")
        return self._problem("NSPS107", f"{shown(node)} is no choice for `{key}`", node, notes=notes)

    def _pattern(self, failure: Failure) -> Problem:
        node = self._at(failure)
        secret = failure.secret
        value = "what stands here" if secret else shown(node)
        better = meant_by(failure.path, str(node.value)) if secret else meant(str(node.value), failure.part["pattern"])
        notes = (*better, failure.part["description"], *examples(failure))
        return self._problem("NSPS108", f"{value} cannot be {a_title(failure.part)}", node, notes=notes)

    def _name(self, failure: Failure) -> Problem:
        node, name = self._at(failure), str(failure.instance)
        better = as_name(name, failure.part.get("pattern", ""))
        notes = (*((f"write:  {better}",) if better else ()), failure.part["description"])
        message = f"`{name}` cannot be {a_title(failure.part)}"
        return self._problem("NSPS108", message, node.value[name], key=name, notes=notes)

    def _bound(self, failure: Failure) -> Problem:
        node, where = self._at(failure), self._where(failure.path)
        limit = failure.limit
        words = {
            "minimum": f"{where} is {shown(node)}, but must be at least {limit}",
            "maximum": f"{where} is {shown(node)}, but must be at most {limit}",
            "minItems": f"{where} is empty",
            "minProperties": f"{where} is empty",
            "minLength": f"{where} is empty",
        }
        message = words.get(failure.rule, f"{where} does not fit: {failure.rule} is {limit}")
        return self._problem("NSPS110", message, node, notes=examples(failure))

    def _at(self, failure: Failure) -> Node:
        node = self.root
        for step in failure.path:
            node = node.value[step]
        return node

    def _key(self, path: Sequence[str | int]) -> str | None:
        """The last key of a path, when the node there is a member of a map."""
        return path[-1] if path and isinstance(path[-1], str) else None

    def _where(self, path: Sequence[str | int]) -> str:
        """How a message calls the place: connector `hss`, or `operations.sync.request`."""
        if path:
            steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            return f"`{steps.removeprefix('.')}`"
        for kind in ("connector", "pipeline"):
            name = self.root.get(kind)
            if name is not None and name.kind == "text":
                return f"{'the tests of ' if self.schema_name == 'test' else ''}{kind} `{name.value}`"
        return "nsps.yaml" if self.schema_name == "nsps" else "this file"

    def _problem(
        self, code: str, message: str, node: Node, *, key: str | None = None, label: str = "", notes: Sequence[str] = ()
    ) -> Problem:
        """A problem at a node, or with `key` at the key it was written under."""
        at_key = key is not None and node.key_place is not None
        return Problem(
            code=code,
            severity="error",
            message=message,
            place=node.key_place if at_key and node.key_place else node.place,
            length=len(key) if at_key and key else node.length,
            label=label,
            notes=tuple(notes),
        )
