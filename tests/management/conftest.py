"""What every test of these commands types on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keyboard import Keyboard


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    """Commands typed in the test's own `folder`."""
    return Keyboard(folder, capsys)
