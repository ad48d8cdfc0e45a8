"""All interleavings of a small model, breadth first: what is found is a shortest way to harm."""

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Protocol, TypeVar

State = TypeVar("State", bound=Hashable)


class Model(Protocol[State]):
    """What can be explored: states that can be told apart, and what may happen in each."""

    def start(self) -> State: ...

    def moves(self, s: State) -> Iterator[tuple[str, State]]: ...

    def harm(self, s: State) -> str: ...


def explore(model: Model[State]) -> tuple[int, list[str]]:
    """States that there are, and a shortest way to harm; empty: there is none."""
    first = model.start()
    came_by: dict[State, tuple[State, str] | None] = {first: None}
    ahead = deque([first])
    while ahead:
        state = ahead.popleft()
        if harm := model.harm(state):
            return len(came_by), [*_way(came_by, state), harm]
        for words, after in model.moves(state):
            if after not in came_by:
                came_by[after] = state, words
                ahead.append(after)
    return len(came_by), []


def _way(came_by: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    words = []
    step = came_by[state]
    while step is not None:
        state, said = step
        words.append(said)
        step = came_by[state]
    return words[::-1]
