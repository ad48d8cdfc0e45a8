"""Real firmware gets its address and its boot file from this server, and starts what it loaded.

With ``--long`` alone: qemu emulates the whole machine. ``make test`` sends what these runs sent
(test_sent.py). ``-s`` shows the times.
"""

import time
import tomllib

import pytest

from tests.boot.firmware import (
    BOOTED,
    CASE,
    FIRMWARE,
    PATIENCE_S,
    BootSite,
    Firmware,
    Stopwatch,
    distinct,
    essence,
    kept,
)
from tests.lab import Lab

pytestmark = [pytest.mark.net, pytest.mark.timeout(2 * PATIENCE_S)]


@pytest.mark.parametrize("firmware", FIRMWARE, ids=lambda firmware: firmware.name)
def test_firmware_boots_and_sends_what_was_kept(
    lab: Lab, firmware: Firmware, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    if not pytestconfig.option.long:
        pytest.skip("a whole machine is emulated: --long")
    site = BootSite(lab, tomllib.loads(CASE.read_text()))
    watch = Stopwatch()
    machine = site.start(firmware)
    machine.wait_for(rf"^{BOOTED}", PATIENCE_S)
    booted = time.time() - watch.began
    machine.wait_for(firmware.last, PATIENCE_S)
    site.capture.read()
    told = [f.message for f in site.capture.frames if f.target[1] == 67]
    with capsys.disabled():
        print(f"\n{firmware.name}: {watch.table(site.capture, booted)}")
    assert [essence(m) for m in distinct(told)] == [essence(m) for m in kept(firmware.name)]
