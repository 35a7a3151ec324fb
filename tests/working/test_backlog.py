from __future__ import annotations

from engine.working.backlog import Backlog


def roomy(_pipeline: str, besides: int) -> int:
    return 100 - besides


def test_each_id_is_held_once_and_taken_once_oldest_first() -> None:
    backlog = Backlog()
    backlog.add("a", [3, 1])
    backlog.add("a", [1, 2])
    assert backlog.size == 3
    assert backlog.take(roomy) == [3, 1, 2]
    assert (backlog.size, backlog.take(roomy)) == (0, [])


def test_a_pipeline_without_room_keeps_its_ids_and_holds_nobody() -> None:
    backlog = Backlog()
    backlog.add("full", [1, 2])
    backlog.add("free", [3])
    assert backlog.take(lambda pipeline, _: 0 if pipeline == "full" else 9) == [3]
    assert backlog.take(roomy) == [1, 2]


def test_a_claim_has_at_most_fifty_and_the_next_begins_with_another_pipeline() -> None:
    backlog = Backlog()
    backlog.add("a", range(100))
    backlog.add("b", [200, 201])
    assert len(backlog.take(roomy)) == 50
    assert backlog.take(roomy)[:2] == [200, 201]


def test_no_more_are_taken_than_there_is_room_in_all() -> None:
    backlog = Backlog()
    backlog.add("a", range(10))
    assert backlog.take(lambda _, besides: 3 - besides) == [0, 1, 2]


def test_what_does_not_fit_is_left_to_the_sweep() -> None:
    backlog = Backlog(per_pipeline=2)
    backlog.add("a", [1, 2, 3])
    backlog.add("b", [4])
    assert sorted(backlog.take(roomy)) == [1, 2, 4]


def test_suspects_come_one_by_one() -> None:
    backlog = Backlog()
    for delivery_id in (1, 2, 1):
        backlog.add_suspect(delivery_id)
    assert [backlog.take_suspect() for _ in range(3)] == [1, 2, None]


def test_a_pipeline_is_full_while_it_moves_and_holds_all_it_may() -> None:
    backlog = Backlog(per_pipeline=1000)
    backlog.add("fast", range(1000))
    backlog.add("dead", range(2000, 3000))
    backlog.add("small", [5000])
    assert backlog.full() == (), "nothing has begun yet"
    backlog.take(lambda pipeline, besides: 0 if pipeline == "dead" else 40 - besides)
    assert backlog.full() == ("fast",)
    assert backlog.full() == (), "it stands still since"


def test_what_is_drained_is_held_no_more() -> None:
    backlog = Backlog()
    backlog.add("a", [2, 1])
    backlog.add("b", [])
    assert backlog.drain() == {"a": [2, 1]}
    assert (backlog.size, backlog.take(roomy)) == (0, [])
