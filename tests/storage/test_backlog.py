"""What a claim and a look cost does not grow with the backlog, whatever the server believes of the tables' sizes."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text

from tests.storage.conftest import Place
from tests.storage.scene import Scene

BACKLOG = 1500
CLAIMED = 20
# What the server read of the deliveries so far: along their indexes, and of the table without one.
READ = text(
    "SELECT coalesce(sum(i.idx_tup_read), 0) + max(t.seq_tup_read) FROM pg_stat_user_tables t"
    " JOIN pg_stat_user_indexes i USING (relid) WHERE t.relname = 'deliveries' AND t.schemaname = current_schema()"
)
FLUSH = text("SELECT pg_stat_force_next_flush()")


async def read_so_far(scene: Scene) -> int:
    def told(connection: Connection) -> int:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        return int(connection.execute(READ).scalar_one())

    for _ in range(6):  # each connection tells what it did at the end of its next transaction
        await asyncio.gather(*(scene.store._write(lambda one: one.execute(FLUSH).scalar()) for _ in range(3)))
    return await scene.store._write(told)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_claim_reads_its_own_rows_and_not_the_backlog(place: Place, scene: Scene) -> None:
    # Plans are made while the table is nearly empty, and kept.
    for number in range(30):
        assert len(await scene.claim(await scene.delivery(f"early {number}", "latest"))) == 1
    waiting = await asyncio.gather(*(scene.delivery(f"lane {number}", "latest") for number in range(BACKLOG)))
    before = await read_so_far(scene)
    claimed = await scene.claim(*waiting[BACKLOG - CLAIMED :])
    assert len(claimed) == CLAIMED
    assert await read_so_far(scene) - before < BACKLOG / 2
