"""Many rows in one statement come out as they went in: bytes, nothing, long texts, and more than one statement holds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from engine.clock import SystemClock
from engine.storage.bulk import MOST_BYTES, Rows
from engine.storage.tables import replies, snapshots
from tests.storage.conftest import Place


async def through(place: Place, table: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as the store gives them back, in the order of their keys."""
    store = await place.open(SystemClock())

    def there_and_back(connection: Connection) -> list[dict[str, Any]]:
        Rows(table).run_many(connection, rows)
        found = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in found]

    try:
        return await store._write(there_and_back)
    finally:
        await store.close()


async def test_bytes_texts_and_numbers_come_back(place: Place) -> None:
    rows = [
        {"config_hash": "a", "at": 2**62, "files": b"\x00\xff'\\" * 3},
        {"config_hash": 'quotes " and \\ and é', "at": -1, "files": b""},
        {"config_hash": "z", "at": 0, "files": bytes(range(256))},
    ]
    back = await through(place, snapshots, rows)
    assert back == sorted(rows, key=lambda row: row["config_hash"])


async def test_more_than_one_statement_holds_is_several(place: Place) -> None:
    now = SystemClock().now()
    at = int(now.timestamp()) * 1_000_000
    piece = MOST_BYTES // 3
    rows = [{"delivery_id": number, "fence": 1, "at": at, "body": bytes([number]) * piece} for number in range(1, 11)]
    assert await through(place, replies, rows) == rows
