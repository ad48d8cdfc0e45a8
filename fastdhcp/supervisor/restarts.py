"""How soon a dead process is replaced: at once, unless it dies again and again."""

import collections
import dataclasses

DELAY_FIRST_S = 0.05
DELAY_MAX_S = 1.0
LIVED_S = 1.0
"""Who lived so long after its start died of something else: the count begins anew."""
QUIET_S = 30.0
"""Who lived so long is no longer said to die again and again."""
OFTEN, OFTEN_S = 3, 60.0
"""So many deaths within so many seconds are an alarm, however long each lived."""
FREE = 2
"""Deaths in a row that are answered at once."""


@dataclasses.dataclass
class _History:
    deaths: int = 0
    in_a_row: int = 0
    last_s: collections.deque[float] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=OFTEN)
    )


class Restarts:
    """Counts deaths by the process's name and says how long to wait before the next start."""

    def __init__(self) -> None:
        self._histories: dict[str, _History] = collections.defaultdict(_History)

    def delay_s(self, name: str, lived_s: float, now_s: float) -> float:
        """After a death: seconds to wait, 0 to DELAY_MAX_S, without end."""
        history = self._histories[name]
        history.last_s.append(now_s)
        history.deaths += 1
        history.in_a_row = 1 if lived_s >= LIVED_S else history.in_a_row + 1
        if history.in_a_row <= FREE:
            return 0.0
        exponent = min(history.in_a_row - FREE - 1, 10)
        return float(min(DELAY_FIRST_S * 2**exponent, DELAY_MAX_S))

    def count(self, name: str) -> int:
        """Deaths so far."""
        return self._histories[name].deaths

    def again_and_again(self, name: str) -> bool:
        """More deaths in a row than are answered at once, or OFTEN within OFTEN_S: an alarm."""
        history = self._histories[name]
        times = history.last_s
        often = len(times) == OFTEN and times[-1] - times[0] <= OFTEN_S
        return history.in_a_row > FREE or often

    def recent(self, name: str) -> str:
        """Its last deaths, in words."""
        times = self._histories[name].last_s
        return f"{len(times)} times within {max(times[-1] - times[0], 1):.0f} s"
