"""Processes of their own upon shared segments, that do what they are told and answer."""

import os
import pickle
import socket
from collections.abc import Callable
from typing import Any


class Agent:
    """A forked process with a view of the segments; `do(name, ...)` calls a function there."""

    def __init__(self, make: Callable[[], Any], functions: dict[str, Callable[..., Any]]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            try:
                serve(theirs, make(), functions)
            finally:
                os._exit(0)
        theirs.close()
        self.socket = ours

    def do(self, name: str, *words: Any, **named: Any) -> Any:
        """What the function returned there; raises what it raised."""
        self.socket.send(pickle.dumps((name, words, named)))
        failed, value = pickle.loads(self.socket.recv(1 << 16))
        if failed:
            raise value
        return value

    def close(self) -> None:
        # Not by the end of the stream: agents that were forked later hold this end, too.
        self.socket.send(pickle.dumps(None))
        self.socket.close()
        os.waitpid(self.pid, 0)


def serve(sock: socket.socket, memory: Any, functions: dict[str, Callable[..., Any]]) -> None:
    """Until it is told None."""
    while order := pickle.loads(sock.recv(1 << 16)):
        name, words, named = order
        try:
            answer = (False, functions[name](memory, *words, **named))
        except Exception as error:
            answer = (True, error)
        sock.send(pickle.dumps(answer))
