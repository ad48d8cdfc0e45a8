"""The real store process over real segments, driven as supervisor and workers drive it."""

import hashlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fastdhcp import _journal as journal
from fastdhcp import _store
from fastdhcp._bitmap import mark_reserved
from fastdhcp._entry import entries
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import ROLES_WITH_RING
from fastdhcp._memory import Memory
from fastdhcp.channel import Channel, Message, close_all
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.load import load
from fastdhcp.eventfds import make_events, wake
from fastdhcp.store.database import META_CHECKPOINT, META_FORMAT, META_IDENTITY, Database
from fastdhcp.store.recovery import last_header, unabsorbed
from fastdhcp.supervisor.segments import Segments
from tests import _trial
from tests.batches import batch_of
from tests.lab.patience import PATIENCE_S
from tests.segments import records_of

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
STORE = WORKERS
NETWORK = 0x0A4D0000  # 10.77.0.0
SUBNETS = [["", "10.77.0.0/16"]]
WAIT_S = PATIENCE_S


class Rig:
    """A state directory, segments, and a store that is started, killed and started again."""

    def __init__(self, folder: Path, blocks: int = 512, **start: object) -> None:
        self.state = folder / "state"
        self.folder = folder
        self.start_settings = {
            "identity": ["client-id", "hw-address"],
            "trust_wall_clock": "synchronized",
            "names": {"vrfs": [], "subnets": SUBNETS, "classes": []},
            **start,
        }
        self.blocks = blocks
        self.events = make_events(WORKERS + ROLES_WITH_RING)
        self.extra_fds: dict[str, int] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.alarms: list[Message] = []
        self.messages: list[Message] = []
        self.new_segments()
        self.policy = self._compile(1)

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.segments.close()
        close_all([*self.events, *self.policy])

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_segments(self) -> None:
        """As after a power cut: nothing is left but the disk."""
        if hasattr(self, "segments"):
            self.segments.close()
        self.segments = Segments.make(WORKERS, self.blocks)
        self.memory = Memory(dict(self.segments.fds), 0)
        self.other = Memory(dict(self.segments.fds), 1)
        self.supervisor = Memory(dict(self.segments.fds), STORE + 1)

    # ---- the store process

    def spawn(self, crash: str | None = None) -> None:
        """Starts it; ``crash``: where it is to kill itself, "STEP" or "STEP:COUNT"."""
        ours, theirs = Channel.pair()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if crash is not None:
            environment["FASTDHCP_CRASH"] = f"store:{crash}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastdhcp.process", "store", str(STORE), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd=ROOT,
        )
        theirs.close()
        self.channel = ours
        ours._socket.settimeout(WAIT_S)
        fds = dict(self.segments.fds)
        fds |= self.extra_fds
        fds |= {f"event.{i}": fd for i, fd in enumerate(self.events)}
        start = {"type": "start", "state_directory": str(self.state), **self.start_settings}
        self._send(start, fds)

    def start(self, crash: str | None = None) -> Message | None:
        """Spawns it and speaks as the supervisor does. Its ready message; None: it died."""
        self.spawn(crash)
        if self.expect("ids") is None:
            return None
        self.send_image(1)
        return self.expect("ready")

    def send_image(self, generation: int, **facts: object) -> None:
        if self.memory.generation == 0:
            for memory in (self.memory, self.other, self.supervisor):
                memory.set_image(*self.policy)
                mark_reserved(memory)
        message = {"type": "image", "generation": generation, "reindex": False, **facts}
        self._send(message, dict(zip(("image", "reservations"), self.policy, strict=True)))

    def say(self, message: Message) -> None:
        self._send(message, {})

    def expect(self, kind: str) -> Message | None:
        """The next message of this type; None if the store ended before."""
        while True:
            received = self.channel.receive()
            if received is None:
                return None
            message, _ = received
            self.messages.append(message)
            if message["type"] == "alarm":
                self.alarms.append(message)
            if message["type"] == kind:
                return message

    def kill(self) -> int:
        """Ends it, if it lives. Its return code; then its place is repaired, as after a death."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
        return self.reap()

    def reap(self) -> int:
        assert self.process is not None
        code = self.process.wait(WAIT_S)
        self.process = None
        self.channel.close()
        if self.memory.ready:
            journal.repair(self.supervisor, STORE)
            wake(self.events)
        return code

    def stop(self) -> int:
        """Asks it to stop, as the supervisor does."""
        self.say({"type": "stop"})
        return self.reap()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # ---- a worker's part

    def apply(
        self, address: int, kind: ChangeKind, worker: int = 0, client: int = 0, **fields: object
    ) -> int:
        """One change, published; the store is woken if it asked for it. Position of its entry."""
        memory = self.other if worker else self.memory
        client = client or address
        key = hashlib.blake2b(client.to_bytes(8, "big"), digest_size=16).digest()
        chaddr = client.to_bytes(6, "big")
        result, _, position, _, _ = _trial.apply(memory, kind, 0, address, key, chaddr, **fields)
        assert result == "applied", result
        if _store.wake_wanted(memory, STORE):
            wake([self.events[STORE]])
        return position

    def bind(self, address: int, worker: int = 0, **fields: object) -> int:
        fields.setdefault("expiry", self.memory.now() + 3600)
        return self.apply(address, ChangeKind.CHANGE_BIND, worker, **fields)

    def durable(self, position: int, worker: int = 0) -> bool:
        return self.memory.ring_durable(worker) >= position

    def wait_durable(self, position: int, worker: int = 0) -> None:
        """Until the change that ends there may be acknowledged."""
        wait_for(lambda: self.durable(position, worker), f"position {position} durable")

    def wait_followed(self) -> None:
        """Until the database has what the redo log has."""
        wait_for(lambda: self.disk().followed == self.memory.sequence, "the database follows")

    # ---- what is on disk

    def disk(self) -> "Disk":
        """Opened by a process of its own: never twice in one."""
        code = "import sys; from tests.store_rig import show_disk; show_disk(sys.argv[1])"
        return Disk(json.loads(self._in_another_process(code)))

    def _in_another_process(self, code: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-c", code, str(self.state / "leases")],
            capture_output=True,
            cwd=ROOT,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return done.stdout

    def records(self) -> dict[tuple[int, int], tuple[object, ...]]:
        return records_of(self.memory)

    def _send(self, message: Message, fds: dict[str, int]) -> None:
        try:
            self.channel.send(message, fds)
        except (BrokenPipeError, ConnectionResetError):
            return

    def recompile(self, **settings: object) -> None:
        """Another policy for the next start."""
        close_all(self.policy)
        self.policy = self._compile(1, **settings)

    def spoil_journal(self) -> None:
        """Puts a batch behind the last one that is none."""
        code = "import sys; from tests.store_rig import spoil; spoil(sys.argv[1])"
        self._in_another_process(code)

    def _compile(self, generation: int, **settings: object) -> tuple[int, int]:
        path = self.folder / "fastdhcp.toml"
        lines = "".join(f"{key} = {value!r}\n" for key, value in settings.items())
        path.write_text(
            f"[server]\nworkers = {WORKERS}\n{lines}[[subnets]]\n"
            'subnet = "10.77.0.0/16"\npools = ["10.77.0.0-10.77.255.254"]\n'
        )
        return compile_image(load(path), Ids({"": 0}, [1]), [], generation).memfds()


class Disk:
    """What another process read from the environment."""

    def __init__(self, found: dict[str, object]) -> None:
        self.__dict__.update(found)


def show_disk(path: str) -> None:
    database = Database(Path(path), readonly=True)
    batches = [
        [sequence, entries(batch[database.header_of(batch).size :])]
        for sequence, batch in itertools.chain(database.batches(), unabsorbed(database))
    ]
    last = last_header(database)
    for _, batch in batches:
        for entry in batch:
            entry.pop("key", None)
            entry.pop("chaddr", None)
    print(
        json.dumps(
            {
                "batches": batches,
                "chunks": [key.hex() for key, _ in database.chunks()],
                "identity": database.read_meta(META_IDENTITY),
                "checkpoint": database.read_meta(META_CHECKPOINT),
                "format": database.read_meta(META_FORMAT),
                "followed": database.sequences()[1],
                "run": last and last.run,
                "heads": last and last.heads,
            }
        )
    )


def spoil(path: str) -> None:
    database = Database(Path(path))
    with database.write() as transaction:
        transaction.append(database.sequences()[1] + 1, batch_of(1, 1, b"no entry at all "))


def wait_for(check, what: str, timeout_s: float = WAIT_S) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < until, f"not within {timeout_s} s: {what}"
        time.sleep(0.002)


def event_waits(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def killed(code: int) -> bool:
    return code == -signal.SIGKILL


def addresses(count: int) -> Iterator[int]:
    """Spread over many chunks and blocks."""
    for i in range(count):
        yield NETWORK + (i * 67) % 65500 + 1
