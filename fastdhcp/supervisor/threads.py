"""Work of a thread beside the event loop that nobody has to wait for, not even who ends.

asyncio.to_thread() would do, but its threads are joined at the end: one that hangs in a file that
does not answer would keep the server from ending.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises. If the caller is cancelled it goes on, and is forgotten."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="beside", daemon=True).start()
    return await future
