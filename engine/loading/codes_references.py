"""Codes of names, references, environment and settings: NSPS2xx and NSPS4xx."""

from __future__ import annotations

from engine.loading.code import Code

CODES: dict[str, Code] = {}
