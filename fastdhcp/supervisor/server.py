"""What the supervisor's parts share: the server as it is now.

Each part is given this and no other part's insides: serve.py brings processes up and down,
policy.py changes what they work by, lookout.py watches them, status.py tells of all.
"""

import dataclasses
import time
from pathlib import Path

from fastdhcp._memory import Memory
from fastdhcp._stats import Counter
from fastdhcp.config import Configuration
from fastdhcp.kernel import kernel_drops
from fastdhcp.log import log
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.children import Child
from fastdhcp.supervisor.defects import Defects
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.heartbeats import Heartbeats
from fastdhcp.supervisor.listeners import buffer_warnings, receive_buffer
from fastdhcp.supervisor.notify import Notifier
from fastdhcp.supervisor.resources import Resources
from fastdhcp.supervisor.restarts import Restarts
from fastdhcp.supervisor.segments import Segments
from fastdhcp.words import printable


@dataclasses.dataclass
class Server:
    """``config`` and ``generation`` are those in force, and change with a reload; ``segments`` and
    ``memory`` change together, and only until the store has been ready once."""

    path: Path
    started_with: Configuration
    resources: Resources
    notifier: Notifier
    segments: Segments
    memory: Memory
    config: Configuration = dataclasses.field(init=False)
    alarms: Alarms = dataclasses.field(init=False)
    defects: Defects = dataclasses.field(init=False)
    restarts: Restarts = dataclasses.field(default_factory=Restarts)
    heartbeats: Heartbeats = dataclasses.field(default_factory=Heartbeats)
    children: dict[str, Child] = dataclasses.field(default_factory=dict)
    started: float = dataclasses.field(default_factory=time.time)
    serving: bool = False
    receive_buffer: int = dataclasses.field(init=False)
    warnings: list[str] = dataclasses.field(init=False)
    kernel_drops_before: int = dataclasses.field(init=False)  # the server's start
    known: Generation | None = None
    numbers: object = None  # what the store has given to names, for a successor without its files

    def __post_init__(self) -> None:
        self.config = self.started_with
        self.alarms = Alarms(log, printable(str(self.config.server.state_directory)))
        self.kernel_drops_before = kernel_drops()
        self.defects = Defects(self.alarms, log, self._count_defect)
        self.receive_buffer = min(receive_buffer(sock) for sock in self.resources.udp)
        self.warnings = buffer_warnings(self.receive_buffer)

    @property
    def generation(self) -> Generation:
        """The one that a child is to start with. There is one once the store has given ids."""
        assert self.known is not None
        return self.known

    @property
    def store_number(self) -> int:
        """The store's process number."""
        return self.started_with.server.workers

    def _count_defect(self) -> None:
        self.memory.add(Counter.COUNT_INTERNAL_ERRORS)

    def of(self, *roles: str) -> list[Child]:
        return [child for child in self.children.values() if child.role in roles]

    def all_begun(self, *roles: str) -> bool:
        return all(child.begun for child in self.of(*roles))
