"""What travels with NSPS."""

from __future__ import annotations

import pytest

from engine.library import library_connectors, shipped


@pytest.mark.parametrize("kind", ["schemas", "connectors", "pipelines"])
def test_a_shipped_folder_is_there_and_holds_files(kind: str) -> None:
    assert any(entry.is_file() for entry in shipped(kind).iterdir())


def test_the_shipped_settings_are_a_file() -> None:
    assert "instance:" in shipped("nsps.yaml").read_text(encoding="utf-8")


def test_the_library_offers_connectors_by_name_without_their_tests() -> None:
    offered = library_connectors()
    assert {"nsps-connector", "portabilling", "wtl-hss"} <= offered.keys()
    assert not [name for name in offered if name.endswith(".test")]
