"""The store: the one process that writes to disk. Commits, checkpoint, expiry, recovery.

Its loop sleeps until a worker has something to be made durable, waits a moment for more of it, and
commits it all with one sync. Once a second it beats, ends what has run out, and touches memory
ahead of need.
"""

import contextlib
import gc
import math
import os
import select
import time
from pathlib import Path

from fastdhcp import _store
from fastdhcp._ahead import Ahead
from fastdhcp._leases import StoreState
from fastdhcp._memory import Memory
from fastdhcp._turn import turn_soon
from fastdhcp.channel import Channel, Message, close_all
from fastdhcp.crash import arm, crash_point
from fastdhcp.eventfds import wake
from fastdhcp.exits import EXIT_DATA, EXIT_FAILED, EXIT_IN_USE
from fastdhcp.log import log
from fastdhcp.store.alarm import FAILING, FILES, StoreAlarm
from fastdhcp.store.busy import busy
from fastdhcp.store.checkpoint import Checkpoint, tail_bound
from fastdhcp.store.clock import Clock
from fastdhcp.store.commands import Commands
from fastdhcp.store.commits import Commits
from fastdhcp.store.database import (
    DATA_NAME,
    DATABASE_NAME,
    META_IDENTITY,
    Database,
    DatabaseError,
    DataLost,
    DiskFull,
)
from fastdhcp.store.ids import Ids
from fastdhcp.store.lock import StoreLocked, lock_state
from fastdhcp.store.mark import open_store, set_mark
from fastdhcp.store.pace import pace
from fastdhcp.store.recovery import attach, begin_run, committed, rebuild, recover
from fastdhcp.store.watch import Trouble, Watch, set_aside

ROLE = "store"
COMMIT_DELAY_S = 500e-6
JOURNAL_SIZE_MAX = 4 << 30
GATHER_S = 100e-6
GATHER_PARTS = 8
"""How often it looks whether there is enough: so often, or in so many parts of a longer wait."""
SECOND_S = 1.0
RETRY_S = 0.25
"""Between two tries of a transaction for which there was no room."""
SWEEP_MAX = 1024
"""Records ended between two commits: 32 KB of the store's own ring."""
TOUCH_S = 0.25
TOUCH_BLOCKS_MIN, TOUCH_BLOCKS_MAX = 4, 256
TOUCH_MAX = 4
"""Blocks made ready at a time while it waits; one where it does not."""


class Stop(Exception):
    """The supervisor's word, or its end."""


def main(channel: Channel, index: int) -> int:
    """The process: until the supervisor says stop. Returns its exit code: 0, 1, 65 or 75."""
    arm(ROLE)
    received = channel.receive()
    if received is None:
        return 0
    message, fds = received
    if message["type"] != "start":
        return 0
    turn_soon()
    try:
        with lock_state(Path(str(message["state_directory"]))):
            store = Store(channel, index, message, fds)
            store.serve()
    except Stop:
        return 0
    except StoreLocked as error:
        return _ended(channel, "store-locked", error, EXIT_IN_USE)
    except DataLost as error:
        return _ended(channel, "store-failed", error, EXIT_DATA)
    except (DatabaseError, OSError) as error:
        return _ended(channel, "store-failed", error, EXIT_FAILED)
    return 0


def _ended(channel: Channel, event: str, error: Exception, code: int) -> int:
    """Says why, in the log and to the supervisor, whose alarm or last line it becomes."""
    log.error(event, text=str(error))
    with contextlib.suppress(OSError):
        channel.send({"type": "last-words", "text": str(error)})
    return code


class Store:
    """What the process has open, and its loop."""

    def __init__(self, channel: Channel, index: int, start: Message, fds: dict[str, int]) -> None:
        self.channel = channel
        self.memory = Memory(fds, index)
        self.memory.set_pid(os.getpid())
        log.count_in(self.memory)
        arm(ROLE, self.memory)
        self.start_message = start
        self.identity = [str(kind) for kind in _list(start.get("identity"))]
        self.delay_s = COMMIT_DELAY_S
        self.durable = True
        self.journal_size_max = JOURNAL_SIZE_MAX
        self.event = fds[f"event.{index}"]
        self.events = [fds[f"event.{i}"] for i in range(self.memory.rings)]
        self.bits_fd = fds["bits"]
        self.commands = Commands(fds.get("commands"), self.memory)
        self.state = Path(str(start["state_directory"]))
        self.clock = Clock()
        self.alarm = StoreAlarm(channel, FAILING)
        self.files_alarm = StoreAlarm(channel, FILES)
        self.trouble: Trouble | None = None  # with the files, until there are new ones
        self.asked: dict[str, object] | None = None  # ids that wait for their commit
        self.policy_blocks = 0
        self.retry_s = self.second_s = self.touch_s = 0.0
        self.ahead = Ahead(self.memory, TOUCH_BLOCKS_MIN, TOUCH_BLOCKS_MAX)
        self.sweep_at: int | None = None
        self.database: Database
        self.watch: Watch
        self.ids: Ids
        self.checkpoint: Checkpoint
        self.commits: Commits
        self._set(start)

    def serve(self) -> None:
        """Start and loop. Raises Stop, DatabaseError, OSError.

        After an error that this process cannot go on from workers serve what needs no write, until
        a successor has attached: who answers DISCOVERs meanwhile keeps others from serving.
        """
        try:
            self.start()
            self.run()
        except (DatabaseError, OSError):
            if self.memory.ready:
                self.memory.store_state = StoreState.STORE_FAILING
            raise

    # ---- start

    def start(self) -> None:
        """Fresh or attached, until the supervisor has been told that leases are served."""
        began_s = time.monotonic()
        fresh = not self.memory.ready
        if fresh:
            self._open()
            self.ids = Ids.load(self.database)
        else:
            self._open_again()
        names = self.start_message.get("names")
        ids = self.ids.assign(names if isinstance(names, dict) else {})
        if fresh:
            self.memory.store_state = StoreState.STORE_STARTING
            begin_run(self.database, self.memory, self.clock, self.ids)
            set_mark(self.state)
        self.channel.send({"type": "ids", **ids, "numbers": self.ids.told()})
        crash_point("start-ids-sent")
        self._await_image()
        facts = self._start_fresh() if fresh else self._start_attached()
        facts["seconds"] = round(time.monotonic() - began_s, 6)
        told = {**facts, "leases": None} if facts["attached"] else facts  # none were read
        log.info("store-recovered", **told, pid=os.getpid())
        self.channel.send({"type": "ready", **facts})
        crash_point("start-ready-sent")
        gc.freeze()  # what is here by now stays

    def _open(self, *, known: bool = False) -> None:
        self.database = open_store(self.state, known=known)
        self.watch = Watch(self.database.path)

    def _open_again(self) -> None:
        """What the dead one worked with. If that is gone all leases are in memory still."""
        try:
            self._open(known=True)
            try:
                self.ids = Ids.load(self.database)
                committed(self.database, self.memory)
            except DataLost:
                self.database.close()
                raise
        except DataLost as lost:
            self.trouble = Trouble(str(lost), data_lost=True)
            self.ids = Ids.parse(self.start_message.get("numbers"))

    def _await_image(self) -> None:
        while self.memory.generation == 0:
            received = self.channel.receive()
            if received is None:
                raise Stop
            self._dispatch(*received)

    def _start_fresh(self) -> dict[str, object]:
        found = recover(
            self.database, self.memory, self.clock, self.identity, self.bits_fd, self.policy_blocks
        )
        self._begin_commits()
        self.memory.store_state = StoreState.STORE_OK
        return {"leases": found.leases, "attached": False, "rekeyed": found.rekeyed}

    def _start_attached(self) -> dict[str, object]:
        if self.trouble is not None:
            self._mend_files(self.trouble)
            return {"leases": 0, "attached": True, "rekeyed": False}
        while True:
            try:
                attach(self.database, self.memory, self.clock)
                break
            except DiskFull as full:
                self.memory.store_state = StoreState.STORE_FAILING
                self.alarm.set(str(full))
                self._wait_messages(RETRY_S)
                self.memory.beat()
        self._begin_commits()
        self.memory.store_state = StoreState.STORE_OK
        self.alarm.set(None)
        wake(self.events)
        crash_point("attach-woken")
        return {"leases": 0, "attached": True, "rekeyed": False}

    def _begin_commits(self) -> None:
        bound = tail_bound(self.database, self.journal_size_max)
        self.checkpoint = Checkpoint(self.memory, self.database, bound, time.monotonic())
        if self.database.read_meta(META_IDENTITY) != self.identity:
            # All keys in memory are of this order; on disk they are when a pass has ended.
            self.checkpoint.at_end[META_IDENTITY] = self.identity
            self.checkpoint.want()
        self.commits = Commits(
            self.database, self.memory, self.clock, self.checkpoint, self.ids, self._published
        )

    # ---- the loop

    def run(self) -> None:
        """Until stopped. Raises Stop, DatabaseError."""
        self.channel.setblocking(False)
        try:
            while True:
                now = time.monotonic()
                self._each_second(now)
                if self._fails() and now < self.retry_s:
                    self._wait_messages(self.retry_s - now)
                elif _store.pending_bytes(self.memory) or self.commits.is_due(now) or self._fails():
                    self._gather(now)
                    self._commit()
                else:
                    self._sleep(now)
        except Stop:
            self._last_commit()
            raise

    def _fails(self) -> bool:
        return self.memory.store_state == StoreState.STORE_FAILING

    def _gather(self, since_s: float) -> None:
        """Waits for more to commit, unless there is enough; hears what others say meanwhile."""
        while True:
            waited_for = self.durable or self.asked is not None
            waited_for |= self.checkpoint.is_late(time.monotonic())
            delay_s, enough_bytes = pace(self.memory, self.delay_s, waited_for=waited_for)
            look_s = max(GATHER_S, delay_s / GATHER_PARTS)
            enough = _store.pending_bytes(self.memory) >= enough_bytes
            left_s = 0.0 if enough else max(since_s + delay_s - time.monotonic(), 0.0)
            self.ahead.touch(TOUCH_MAX if left_s else 1)
            self._wait_messages(min(left_s, look_s))
            if enough or left_s == 0.0:
                return

    def _commit(self) -> None:
        self.commits.commit(by_log=self.durable)
        if self._fails():
            self.retry_s = time.monotonic() + RETRY_S
        self._send_ids()
        self.alarm.set(self.commits.trouble)

    def _published(self) -> None:
        """More is durable: who waits for it is told."""
        for process, fd in enumerate(self.events):
            if fd != self.event and _store.wake_wanted(self.memory, process):
                wake([fd])
        crash_point("commit-woken")
        self.commands.answer_durable()

    def _sleep(self, now: float) -> None:
        """Until a worker wakes it, somebody speaks, or something is due."""
        poll = select.poll()
        for fd in (self.event, self.channel.fileno(), *self.commands.filenos()):
            poll.register(fd, select.POLLIN)
        wait_s = max(min(self.second_s - now, self.commits.wait_s(now)), 0.0)
        if self.sweep_at is not None or self.ahead.touch(TOUCH_MAX):
            wait_s = 0.0
        if not _store.sleep_begin(self.memory):
            return
        ready = poll.poll(math.ceil(wait_s * 1000))
        _store.sleep_end(self.memory)
        for fd, _ in ready:
            if fd == self.event:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
        if any(fd != self.event for fd, _ in ready):
            self._wait_messages(0.0)

    def _each_second(self, now: float) -> None:
        """Beat, look at the clock, begin a sweep; the sweep goes on between commits."""
        if now >= self.second_s:
            self.second_s = now + SECOND_S
            self.memory.beat()
            log.catch_up()
            self.clock.refresh()
            self.sweep_at = self.sweep_at or 0
            self.database.reader_check()
            self.alarm.tell()
            self.files_alarm.tell()
            self._look_at_files()
            with busy(self.memory):
                self.commits.redo.look(now)
        if self.sweep_at is not None and self.memory.store_state == StoreState.STORE_OK:
            self.sweep_at = _store.sweep(self.memory, self.sweep_at, SWEEP_MAX)[0] or None
        if now >= self.touch_s:
            self.touch_s = now + TOUCH_S
            self.ahead.look()

    def _last_commit(self) -> None:
        """What the workers left behind; their clients have no ACK of it if it fails."""
        self.trouble = self.trouble or self._files_trouble()
        if self.trouble is not None:
            self._close()
            if not self._try_files(self.trouble):
                log.error("store-failed", text=self.files_alarm.text)
                return
        if _store.pending_bytes(self.memory) or self.commits.redo.batches:
            self.commits.commit()
        self._close()

    def _close(self) -> None:
        self.commits.redo.close()
        self.database.close()

    # ---- the files

    def _look_at_files(self) -> None:
        """What is written to a file without a name is lost at the next start: from here on nothing
        is acknowledged until it is in files that have theirs."""
        with busy(self.memory):  # a disk that is gone may not answer
            self.trouble = self._files_trouble()
        if self.trouble is not None:
            self._close()
            self._mend_files(self.trouble)

    def _files_trouble(self) -> Trouble | None:
        if (trouble := self.watch.look()) or self.commits.are_there():
            return trouble
        text = f"{self.database.path / DATA_NAME} was written over while the server runs"
        return Trouble(text, data_lost=True)

    def _mend_files(self, trouble: Trouble) -> None:
        """Until they are whole again."""
        self.memory.store_state = StoreState.STORE_FAILING
        self.files_alarm.set(trouble.text)
        while not self._try_files(trouble):
            self._wait_messages(RETRY_S)
            self.memory.beat()

    def _try_files(self, trouble: Trouble) -> bool:
        """New files, or the lock file anew. False: it failed, the alarm says why."""
        try:
            if trouble.data_lost:
                self._make_files()
            else:
                self._attach_again()
        except (DatabaseError, StoreLocked, OSError) as error:
            self.files_alarm.set(f"{trouble.text}, and new files cannot be made: {error}")
            return False
        self.trouble = None
        self._begin_commits()
        self.memory.store_state = StoreState.STORE_OK
        self.files_alarm.set(None)
        wake(self.events)
        self.commands.answer_durable()
        self._send_ids()
        return True

    def _attach_again(self) -> None:
        self._open(known=True)
        try:
            attach(self.database, self.memory, self.clock)
        except DataLost:  # the redo log went as well
            self.database.close()
            self._make_files()
        except BaseException:
            self.database.close()
            raise

    def _make_files(self) -> None:
        path = self.state / DATABASE_NAME
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        aside = set_aside(path)
        database = None
        try:
            database = Database(path)
            first = rebuild(
                database, self.memory, self.clock, self.ids, self.identity, self.memory.sequence
            )
            self.watch = Watch(path)
            set_mark(self.state)
        except (DatabaseError, OSError):
            if database is not None:
                database.close()
            (path / DATA_NAME).unlink(missing_ok=True)  # what was made so far; nobody's backup
            raise
        self.database = database
        log.warning(
            "store-rebuilt", path=str(path), journal_from=first, aside=str(aside) if aside else None
        )

    # ---- messages

    def _wait_messages(self, wait_s: float) -> None:
        """Hears the supervisor and the operator, at most ``wait_s`` seconds. Raises Stop."""
        fds = [self.channel.fileno(), *self.commands.filenos()]
        ready = select.select(fds, [], [], wait_s)[0]
        if self.channel.fileno() in ready:
            self._hear_supervisor()
        if any(fd in ready for fd in fds[1:]):
            self.commands.hear()

    def _hear_supervisor(self) -> None:
        try:
            received = self.channel.receive()
        except BlockingIOError:
            return
        if received is None:
            raise Stop
        self._dispatch(*received)

    def _dispatch(self, message: Message, fds: dict[str, int]) -> None:
        match message["type"]:
            case "stop":
                raise Stop
            case "image":
                self._take_image(message, fds)
            case "names":
                self.asked = {"number": message.get("number"), **self.ids.assign(message)}
                if not self.ids.changed:
                    self._send_ids()
            case kind:
                log.warning("message-unknown", type=kind)
                close_all(fds.values())

    def _set(self, message: Message) -> None:
        """What a reload may change, too: it comes with each image."""
        match message.get("blocks"):
            case int(blocks):
                self.policy_blocks = blocks
        match message.get("commit_delay_us"):
            case int(delay_us):
                self.delay_s = delay_us / 1e6
        match message.get("durable"):
            case bool(durable):
                self.durable = durable
        match message.get("journal_max_size"):
            case int(size):
                self.journal_size_max = size
        match message.get("trust_wall_clock"):
            case str(word):
                self.clock.trust(word)

    def _take_image(self, message: Message, fds: dict[str, int]) -> None:
        running = self.memory.generation != 0
        self._set(message)
        try:
            self.memory.set_image(fds["image"], fds["reservations"])
        finally:
            close_all(fds.values())
        if running:
            self.checkpoint.bound = tail_bound(self.database, self.journal_size_max)
            if message.get("reindex"):
                _store.reindex(self.memory)
            self.channel.send({"type": "imaged", "generation": self.memory.generation})

    def _send_ids(self) -> None:
        """The ids that a reload asked for, once they are on disk."""
        if self.asked is not None and not self.ids.changed:
            self.channel.send({"type": "ids", **self.asked, "numbers": self.ids.told()})
            self.asked = None


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
