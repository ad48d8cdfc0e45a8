"""Who used the machine while a server was measured, and which seconds of it count."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastdhcp_bench.host import Host, _mount, time_sync
from fastdhcp_bench.moments import Moment, moments_of, tally
from fastdhcp_bench.run import Second
from fastdhcp_bench.usage import PF_KTHREAD, Parties, Usage, Watch, group_cpu_seconds, read_stat

NOBODY = 2**22 + 1
"""No process has this number."""


def stat(name: str, flags: int = 0) -> str:
    return f"7 ({name}) S 1 5 6 0 -1 {flags} 0 0 0 0 100 20 3 4 20 0 1 0 9 0 0"


@pytest.mark.parametrize("name", ["python", "a b", "x) S 9 9 (y", "napi/srv0-17"])
def test_a_process_may_be_called_anything(name: str) -> None:
    found = read_stat(stat(name))
    assert (found.pid, found.name, found.group, found.session) == (7, name, 5, 6)
    assert found.cpu == 127 / os.sysconf("SC_CLK_TCK") and not found.kernel


def test_a_thread_of_the_kernel_is_known_by_its_flag() -> None:
    assert read_stat(stat("kworker/0:1", PF_KTHREAD | 0x40)).kernel


BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_cpu_of_a_group_has_its_living_and_its_dead_children_in_it() -> None:
    program = f"import os,sys,time\nif os.fork() == 0:\n os._exit(exec({BURN!r}))\nos.wait()\n"
    program += f"if os.fork() == 0:\n exec({BURN!r})\n time.sleep(60)\nprint(flush=True)\n{BURN}"
    program += "print(flush=True)\ntime.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        leader.stdout.readline()
        deadline = time.monotonic() + 30
        while group_cpu_seconds(leader.pid) < 0.85 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert 0.85 <= group_cpu_seconds(leader.pid) < 1.5
        os.killpg(leader.pid, 9)


def burning(seconds: float) -> subprocess.Popen[bytes]:
    program = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    return subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


@pytest.mark.parametrize("party", ["server", "generator", "others"])
def test_each_party_is_charged_for_its_own(party: str) -> None:
    with burning(60) as burner:
        parties = Parties(
            server=burner.pid if party == "server" else NOBODY,
            generator=burner.pid if party == "generator" else NOBODY,
        )
        before = Usage.take(parties)
        deadline = time.monotonic() + 30
        while group_cpu_seconds(burner.pid) < 0.5 and time.monotonic() < deadline:
            time.sleep(0.01)
        used = Usage.take(parties) - before
        burner.kill()
    assert getattr(used, party) >= 0.3
    assert party == "others" or used.server + used.generator == getattr(used, party)
    assert used.served == pytest.approx(used.busy - used.generator - used.others - used.own)


def test_a_second_is_seen_from_end_to_end_or_not_at_all() -> None:
    with Watch(Parties(NOBODY, NOBODY)) as watch:
        deadline = time.monotonic() + 30
        while len(watch.taken) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    first = min(watch.taken)
    seen = [second for second in (first - 1, first, max(watch.taken)) if watch.during(second)]
    assert seen == [first]
    moments = moments_of([Second(first - 1, 5), Second(first, 7)], watch)
    assert [moment.completed for moment in moments] == [7]


def moment(completed: int, others: float, served: float = 0.5) -> Moment:
    return Moment(
        completed=completed, busy=1.0, served=served, server=0.4, generator=0.3, others=others
    )


def test_seconds_of_others_are_left_out() -> None:
    found = tally([moment(1000, 0.0), moment(10, 0.11, served=9.0), moment(3000, 0.1)])
    assert found.rate == 2000 and found.cpu_us == pytest.approx(250)


def test_where_others_never_rest_all_seconds_count() -> None:
    assert tally([moment(1000, 0.9), moment(2000, 0.8)]).rate == 1500


def test_the_machine_is_named(tmp_path: Path) -> None:
    host = Host.of(tmp_path)
    assert host.cpu and host.kernel in str(host) and host.cores >= 1
    assert 0 < host.sync_us <= host.sync_p99_us
    assert "Not affected" not in host.mitigations.values()


def test_a_sync_is_timed_in_the_folder_and_leaves_nothing(tmp_path: Path) -> None:
    time_sync(tmp_path, times=3)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        time_sync(tmp_path / "absent", times=3)


def test_a_folder_is_on_the_innermost_mount() -> None:
    mounts = "/dev/a / ext4 rw 0 0\n/dev/b /srv xfs rw 0 0\ntmpfs /srv/run tmpfs rw 0 0\n"
    assert _mount(Path("/srv/store"), mounts) == ("/dev/b", "xfs")
    assert _mount(Path("/srvx"), mounts) == ("/dev/a", "ext4")
