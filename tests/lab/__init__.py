"""A laboratory of network namespaces: links, processes, packets, servers and real clients.

Every namespace is held by a descriptor of this process and has no name, so whatever was in it,
links included, is gone the moment this process is, however it ends. Without root the lab moves
into a user namespace of its own (see ``namespaces.enter``).
"""

from .capture import Capture
from .net import Lab
from .packet import Frame, Message, build
from .process import Process, ToolMissing, tool
from .wire import LinkClient, RelayAgent

__all__ = [
    "Capture",
    "Frame",
    "Lab",
    "LinkClient",
    "Message",
    "Process",
    "RelayAgent",
    "ToolMissing",
    "build",
    "tool",
]
