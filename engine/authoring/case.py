"""The tests an integrator writes, as values. They live with the other values, since the loader builds them."""

from __future__ import annotations

from engine.case import Case, Expect, ExpectedRequest, TestFile

__all__ = ["Case", "Expect", "ExpectedRequest", "TestFile"]
