"""How children are spawned, and what they say."""

import asyncio
from pathlib import Path

import pytest

from fastdhcp.channel import Message
from fastdhcp.supervisor.children import Child


def test_a_child_imports_nothing_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lmdb.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    child = Child("store", 1)
    child.channel.close()  # it is told nothing, and ends well
    assert child._popen.wait(60) == 0


def test_an_answer_that_came_too_late_is_not_the_next_ones() -> None:
    """The disk stalled for longer than the first reload waited for its numbers."""

    async def ask() -> tuple[Message, list[Message]]:
        child = Child("store", 1)
        others: list[Message] = []
        child.on_message = lambda _, message: others.append(message)
        child.attach()
        try:
            answer = asyncio.create_task(child.expect("ids", 2))
            await asyncio.sleep(0)
            child._dispatch({"type": "ids", "number": 1})
            child._dispatch({"type": "ids", "number": 2})
            return await asyncio.wait_for(answer, 5), others
        finally:
            child.kill()
            await child.ended(30)

    answer, others = asyncio.run(ask())
    assert answer["number"] == 2
    assert [message["number"] for message in others] == [1]
