"""Named points at which a process kills itself, so that tests can cut anywhere.

``FASTDHCP_CRASH=ROLE:STEP:COUNT`` in the environment: STEP is a number (of the protocol that
changes a record, counted in shared memory code) or the name of a point in Python code; the process
dies by SIGKILL when it reaches that point for the COUNT-th time. Without the variable a point costs
one comparison.
"""

import os
import signal

from fastdhcp._memory import Memory

VARIABLE = "FASTDHCP_CRASH"


class _Plan:
    def __init__(self, text: str) -> None:
        role, _, rest = text.partition(":")
        step, _, count = rest.partition(":")
        self.role = role
        self.step = step
        self.left = int(count or 1)


_plan = _Plan(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
_step: str | None = None


def arm(role: str, memory: Memory | None = None) -> None:
    """Makes this process, of this role, die where the environment says, if it says anything.

    Numbered steps are of shared memory: they are armed by a second call, once that is mapped.
    """
    global _step
    if _plan is None or _plan.role != role:
        return
    if not _plan.step.isdigit():
        _step = _plan.step
    elif memory is not None:
        memory.set_kill_step(int(_plan.step), _plan.left)


def crash_point(name: str) -> None:
    """The end of this process, if this is where it is to die."""
    if _step is None or _step != name or _plan is None:
        return
    _plan.left -= 1
    if _plan.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
