"""`${NAME}`, `${NAME:-default}` and `${secret:NAME}`: the environment in a file's text.

A value is put in as text. It is never read again as YAML, expression or template: in a template it becomes a hole that
reads it from `config`. Empty counts as unset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from engine.loading.findings import Findings, Spot
from engine.loading.node import Node
from engine.place import Place

Zone = Literal["value", "template", "none"]
Keys = tuple[str, ...]

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{(secret:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}|\$\{")
_MISSPELT: Final = re.compile(r"\$\{\s*[A-Za-z]+\s*:\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}")  # ${secrets:NAME}
_URLS: Final = ("base_url", "token_url", "proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One `${…}` in a file. `unset`: neither a value nor a default; `keys` is where it stands, from the file's root."""

    name: str
    secret: bool
    unset: bool
    keys: Keys
    spot: Spot


@dataclass(frozen=True, slots=True)
class Environ:
    """The environment as a value: names to text, secrets perhaps in files that `NAME_FILE` names."""

    names: Mapping[str, str]

    def is_set(self, name: str) -> bool:
        """Whether the name, or the file for it, is given; empty counts as unset."""
        return bool(self.names.get(name) or self.names.get(f"{name}_FILE"))

    def missing(self, needs: tuple[str, ...]) -> str | None:
        """Why something that needs these is off, None when all are set."""
        unset = [name for name in needs if not self.is_set(name)]
        return f"{' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set" if unset else None

    def plain(self, name: str) -> str | None:
        """The value, None when unset or empty."""
        return self.names.get(name) or None

    def secret(self, name: str) -> str | None:
        """The value of `NAME`, else the content of the file that `NAME_FILE` names, without its last newline.

        None when unset or empty. Raises OSError or UnicodeDecodeError when the file cannot be read.
        """
        path = self.names.get(f"{name}_FILE")
        if self.names.get(name) or not path:
            return self.names.get(name) or None
        text = Path(path).read_text(encoding="utf-8")
        return text.removesuffix("\n").removesuffix("\r") or None


@dataclass(slots=True)
class Filled:
    """What putting the environment into one file gave.

    `origins`: place of a filled scalar to the names it holds. `placeholders`: places that hold a placeholder.
    `misplaced`: places where the environment is not read. `holes`: what templates read as `config["${NAME}"]`.
    `secrets`: values that must never be shown.
    """

    root: Node
    readings: list[Reading] = field(default_factory=list)
    origins: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    placeholders: set[Place] = field(default_factory=set)
    misplaced: set[Place] = field(default_factory=set)
    holes: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: set[str] = field(default_factory=set, repr=False)


def zone_of(kind: str, keys: Keys) -> Zone:
    """Whether the environment is read at `keys` of a file of this kind, and how."""
    if kind == "nsps":
        return "value"
    if kind != "connector" or not keys or keys[0] in ("operations", "enrichments"):
        return "none"
    if keys[0] == "headers" or keys[:2] == ("auth", "apply") or (keys[0] == "verdicts" and keys[-1] == "reason"):
        return "template"
    if keys[0] == "verdicts" or keys[:2] in (("auth", "expires"), ("auth", "expired_when")):
        return "none"
    return "value"


def fill(root: Node, kind: str, environ: Environ, findings: Findings) -> Filled:
    """The file with the environment put in. Unset names without default become a visible placeholder."""
    filling = _Filling(kind=kind, environ=environ, findings=findings, filled=Filled(root))
    filling.filled.root = filling.node(root, ())
    return filling.filled


@dataclass(slots=True)
class _Filling:
    kind: str
    environ: Environ
    findings: Findings
    filled: Filled

    def node(self, node: Node, keys: Keys) -> Node:
        if node.kind == "map":
            return replace(node, value={key: self.node(child, (*keys, key)) for key, child in node.value.items()})
        if node.kind == "list":
            return replace(node, value=[self.node(child, (*keys, str(at))) for at, child in enumerate(node.value)])
        if node.kind == "text" and "${" in node.value:
            return replace(node, value=self.text(node, keys))
        return node

    def text(self, node: Node, keys: Keys) -> str:
        zone = zone_of(self.kind, keys)
        pieces: list[str] = []
        end = 0
        for found in _REFERENCE.finditer(node.value):
            pieces.append(node.value[end : found.start()])
            pieces.append(self.piece(found, node, keys, zone))
            end = found.end()
        return "".join((*pieces, node.value[end:]))

    def piece(self, found: re.Match[str], node: Node, keys: Keys, zone: Zone) -> str:
        spot = _spot(node, found)
        if found[0] == "$${":
            escapes = zone != "none" or _REFERENCE.match(node.value, found.start() + 1)
            return "${" if escapes else found[0]
        if found[2] is None:
            if zone != "none":
                self._malformed(spot, _MISSPELT.match(node.value, found.start()))
            return found[0]
        if zone == "none" or (zone == "template" and _inside_tag(node.value, found.start())):
            self.filled.misplaced.add(node.place)
            self._not_read_here(found, spot)
            return found[0]
        if found[1] and found[3]:
            self._default_for_secret(found, spot)
        value = self.value(found, spot, keys)
        self.filled.origins[node.place] = (*self.filled.origins.get(node.place, ()), found[2])
        if value is None:
            self.filled.placeholders.add(node.place)
            value = placeholder(found[2], keys, at_start=found.start() == 0)
        if zone == "template":
            self.filled.holes[found[0]] = value
            return '{{ config["' + found[0].replace("\\", "\\\\").replace('"', '\\"') + '"] }}'
        return value

    def value(self, found: re.Match[str], spot: Spot, keys: Keys) -> str | None:
        """The text for one reference, None when it has neither value nor default."""
        name, secret = found[2], bool(found[1])
        value = self._secret(name, spot) if secret else self.environ.plain(name)
        if value and secret:
            self.filled.secrets.add(value)
        default = found[3][2:] if found[3] and not secret else None
        unset = value is None and default is None
        self.filled.readings.append(Reading(name=name, secret=secret, unset=unset, keys=keys, spot=spot))
        return default if value is None else value

    def _secret(self, name: str, spot: Spot) -> str | None:
        try:
            return self.environ.secret(name)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self.findings.error(
                "NSPS405",
                f"the file that `{name}_FILE` names cannot be read: {why}",
                spot,
                label=f"reads {self.environ.names.get(f'{name}_FILE', '')}",
                notes=(f"let the user NSPS runs as read it, or set `{name}` itself",),
            )
            return None

    def _malformed(self, spot: Spot, misspelt: re.Match[str] | None) -> None:
        meant = (f"write:  ${{secret:{misspelt[1]}}}",) if misspelt else ()
        self.findings.error(
            "NSPS402",
            "`${` begins no reference to the environment here",
            spot,
            notes=(
                *meant,
                "write: ${NAME}, ${NAME:-default} or ${secret:NAME}",
                "write `$${` for the two characters themselves",
            ),
        )

    def _default_for_secret(self, found: re.Match[str], spot: Spot) -> None:
        self.findings.error(
            "NSPS402",
            f"the secret `{found[2]}` has a default in the file, where everybody can read it",
            spot,
            notes=(f"write: ${{secret:{found[2]}}}",),
        )

    def _not_read_here(self, found: re.Match[str], spot: Spot) -> None:
        name = found[2]
        own = f"{name.lower()}: {found[0]}"
        where = "`config:` of this connector" if self.kind == "connector" else "`config:` of nsps.yaml"
        notes = (f"name it under {where} (`{own}`) and write config.{name.lower()} here",)
        if self.kind == "test":
            notes = ("the values of a test are plain: write the value itself",)
        self.findings.error(
            "NSPS403",
            f"the environment is not read here: `{found[0]}`",
            spot,
            notes=(*notes, f"write `${found[0]}` for these characters themselves"),
        )


def placeholder(name: str, keys: Keys, at_start: bool) -> str:
    """What stands for an unset name: `<NAME>`; where a URL is wanted one that is valid and leads nowhere (RFC 2606)."""
    if keys[-1:] and keys[-1] in _URLS:
        host = f"{name.lower().replace('_', '-').strip('-')}.invalid"
        return f"https://{host}" if at_start else host
    return f"<{name}>"


def _inside_tag(text: str, at: int) -> bool:
    return any(text.rfind(begin, 0, at) > text.rfind(end, 0, at) for begin, end in (("{{", "}}"), ("{%", "%}")))


def _spot(node: Node, found: re.Match[str]) -> Spot:
    return Spot(node.place_at(found.start()), len(found[0]))
