"""Who hangs: a process shows that it lives by counting up its beat once a second.

A machine that was paused, or a supervisor that got no time, makes all look dead at once: then
nobody is judged, and each gets its whole time again.
"""

import dataclasses

SILENCE_S = 3.0
"""Without a beat for so long a process is looked at a second time, one look later."""
START_S = 60.0
"""The same before its first beat: the store may be reading a large journal."""
LOOK_S = 0.5
"""Between two looks."""
PAUSE_S = 2.0
"""A look that is so late says that it was the looking that stood still."""


@dataclasses.dataclass
class Pulse:
    """What was seen of one process."""

    beats: int
    seen_s: float
    begun: bool = False
    suspect: bool = False


class Heartbeats:
    """Judges processes by their beats; the clock is the caller's (seconds, monotonic)."""

    def __init__(self) -> None:
        self._pulses: dict[str, Pulse] = {}
        self._looked_s: float | None = None

    def watch(self, who: str, beats: int, now_s: float) -> None:
        """A process started; ``beats`` is what its predecessor left."""
        self._pulses[who] = Pulse(beats, now_s)

    def forget(self, who: str) -> None:
        self._pulses.pop(who, None)

    def excuse(self, who: str, now_s: float) -> None:
        """It is known to live: its time begins anew."""
        if pulse := self._pulses.get(who):
            pulse.seen_s, pulse.suspect = now_s, False

    def age(self, who: str, now_s: float) -> float:
        """Seconds since the last beat that was seen; 0 for one that is not watched."""
        pulse = self._pulses.get(who)
        return now_s - pulse.seen_s if pulse else 0.0

    def look(self, beats: dict[str, int], now_s: float) -> list[str]:
        """Who hangs, seen at two looks in a row. To be called every LOOK_S."""
        late = self._looked_s is not None and now_s - self._looked_s > PAUSE_S
        self._looked_s = now_s
        hung = []
        for who, pulse in self._pulses.items():
            if late or beats.get(who, pulse.beats) != pulse.beats:
                pulse.begun |= beats.get(who, pulse.beats) != pulse.beats
                pulse.beats = beats.get(who, pulse.beats)
                pulse.seen_s, pulse.suspect = now_s, False
            elif now_s - pulse.seen_s < (SILENCE_S if pulse.begun else START_S):
                continue
            elif pulse.suspect:
                hung.append(who)
            else:
                pulse.suspect = True
        return hung
