"""Alarms: what is wrong now, since when, in words; each is logged when it comes and goes.

KINDS is the one list of them: what raises an alarm names its row, docs/OPERATION.md repeats it.
"""

import dataclasses
import time

from fastdhcp.log import Log


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of the table. ``name`` is kebab-case and does not change; ``meaning`` and ``cure`` are
    for operators."""

    name: str
    meaning: str
    cure: str


KINDS = (
    Kind(
        "store-failing",
        "commits fail: the disk is full or cannot be written. Nothing new is acknowledged; holders "
        "are told what is left of their lease",
        "make room on the disk of the state directory, 1 MB at least; it heals by itself",
    ),
    Kind(
        "store-slow",
        "a commit has taken seconds. After two, nothing new is offered or acknowledged until it "
        "returns; holders are told what is left of their lease",
        "look at the disk of the state directory: its health, and who else writes to it "
        "(`iostat -x`, `dmesg`)",
    ),
    Kind(
        "store-files",
        "the store's files were removed, renamed, replaced, written over or cut short under the "
        "running server. The store makes new ones from the table in memory; until it has, nothing "
        "new is acknowledged",
        "over at once, as a rule; if not, the text says what stands in the way. To put a backup "
        "back, stop the server first: data that stood in the place of its own is kept as "
        "`data.mdb.aside-*`",
    ),
    Kind(
        "store-down",
        "the store has ended; another is being started",
        "usually over at once; if not, the log says why",
    ),
    Kind(
        "process-restarting",
        "the process named dies again and again. Of workers the others serve on; without the "
        "store nothing new is acknowledged; without control there is neither HTTP nor `status`",
        "the log says how, in `process-hung`, `process-failed` and `process-died`: report it. A "
        "plain SIGKILL came from outside: an operator, or the kernel for want of memory (`dmesg`)",
    ),
    Kind(
        "pool-exhausted",
        "clients of the subnet named ask, and no pool of its network that they may use has a free "
        "address. It ends when more addresses are free, or two minutes after the last of them",
        "add pools to the subnet, let its clients use others (`allow`, `deny`), or shorten lease "
        "times; `fastdhcp pools` shows how full each is",
    ),
    Kind(
        "kernel-drops",
        "UDP datagrams found the receive buffer of their socket full. The kernel counts them for "
        "the whole network namespace: they may be another program's",
        "first see whose: `ss -uanm` shows each socket's drops (`d`). If they are this server's, "
        "it is a storm or there are too few workers: raise `receive-buffer`, look at the CPU",
    ),
    Kind(
        "overload",
        "packets come faster than they are answered. DISCOVERs and INFORMs that wait for more than "
        "100 ms are dropped, REQUESTs and newer ones go first; what waited for 3 s is dropped, as "
        "its client has asked again",
        "if it is a storm it is over with the last client. Else see what takes the processor "
        "(`top`), and who sends so much (`fastdhcp trace`): more cores or workers, or fewer "
        "clients a server",
    ),
    Kind(
        "no-link-served",
        "no interface of this host has a subnet on it, so no client on a link of its own is served",
        "look at the warnings of `fastdhcp status`: an interface that is named may be missing. "
        "Else give an interface an address in a subnet, or name it in the subnet by `interface`; "
        "if all clients come by relay agents, say so with `interfaces = []`",
    ),
    Kind(
        "interface-not-served",
        "the interface named is missing, down, without carrier, or without an address that it is "
        "served by: its clients go unanswered",
        "the text says which: bring it up, with its cable and its address. If it is meant to be "
        "gone, take its name out of the configuration, or its address; one that is not named there "
        "is missed over reloads while it is there and the configuration has a subnet for the "
        "address that it had (`interfaces` without it ends that), and if it is not there any more "
        "until the next reload",
    ),
    Kind(
        "port-shared",
        "another program has bound the DHCP port too, and takes packets that are for this server",
        "stop it, or bind it to the device of an interface that this server does not serve",
    ),
    Kind(
        "configuration-refused",
        "the last reload was refused: the configuration on disk is not the one in force, and a "
        "restart may fail",
        "the text says what stands in the way; mend it and reload",
    ),
    Kind(
        "internal-error",
        "a task of the supervisor met what nobody foresaw; it is tried again, and clients are "
        "served",
        "report the line `internal-error` of the log, with its trace",
    ),
)
"""In the order of OPERATION.md. A new alarm is a row here and a row there."""
STATE_DIRECTORY = "the state directory"
"""In cures; an alarm says which it is."""
_BY_NAME = {kind.name: kind for kind in KINDS}


@dataclasses.dataclass(frozen=True)
class Alarm:
    """``subject``: which one it is about, a process, an interface or a subnet, where the kind has
    several; ``meaning``: that of its kind; ``since`` is Unix time in seconds."""

    name: str
    subject: str | None
    text: str
    meaning: str
    cure: str
    since: float


class Alarms:
    """The alarms that are on, by name and subject. ``state_directory``: what cures call it."""

    def __init__(self, log: Log, state_directory: str = STATE_DIRECTORY) -> None:
        self._log = log
        self._state_directory = state_directory
        self._on: dict[tuple[str, str | None], Alarm] = {}

    def raise_alarm(
        self, name: str, text: str, subject: str | None = None, cure: str | None = None
    ) -> bool:
        """True if it was not on yet; a new text of one that is on is kept without a line. ``cure``:
        one that fits the case better than that of the table.

        Raises KeyError for a name that is not in KINDS.
        """
        kind = _BY_NAME[name]
        cure = (cure or kind.cure).replace(STATE_DIRECTORY, self._state_directory)
        before = self._on.get((name, subject))
        since = before.since if before else time.time()
        self._on[name, subject] = Alarm(name, subject, text, kind.meaning, cure, since)
        if before is None:
            self._log.error("alarm-on", name=name, subject=subject, text=text, cure=cure)
        return before is None

    def clear(self, name: str, subject: str | None = None) -> bool:
        """True if it was on. Raises KeyError as raise_alarm() does."""
        kind = _BY_NAME[name]
        before = self._on.pop((kind.name, subject), None)
        if before is not None:
            lasted = round(time.time() - before.since, 1)
            self._log.notice("alarm-off", name=name, subject=subject, lasted=f"{lasted}s")
        return before is not None

    def listed(self) -> list[dict[str, object]]:
        """For status, the oldest first."""
        alarms = sorted(self._on.values(), key=lambda alarm: alarm.since)
        return [dataclasses.asdict(alarm) for alarm in alarms]

    def __contains__(self, name: str) -> bool:
        return any(name == on for on, _ in self._on)
