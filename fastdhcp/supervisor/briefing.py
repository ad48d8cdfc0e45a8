"""What a child is told when it starts: one message, and the descriptors that it works with."""

from pathlib import Path

from fastdhcp.channel import Message
from fastdhcp.config.model import Configuration
from fastdhcp.supervisor.generation import Generation, store_names
from fastdhcp.supervisor.listeners import endpoint
from fastdhcp.supervisor.server import Server
from fastdhcp.words import printable

Briefing = tuple[Message, dict[str, int]]


def brief_store(server: Server) -> Briefing:
    config, resources = server.config, server.resources
    message: Message = {
        "type": "start",
        "state_directory": str(config.server.state_directory),
        "identity": config.identity_terms,
        **store_settings(config),
        "names": store_names(config),
        "numbers": server.numbers,
    }
    fds = dict(server.segments.fds)
    fds["commands"] = resources.commands[0].fileno()
    fds |= {f"event.{number}": fd for number, fd in enumerate(resources.events)}
    return message, fds


def store_settings(config: Configuration) -> Message:
    """What a reload may change for the store: they come with each image too."""
    server = config.server
    return {
        "trust_wall_clock": server.trust_wall_clock,
        "journal_max_size": server.journal_max_size,
        "commit_delay_us": server.commit_delay_us,
        "durable": server.durability == "commit",
    }


def brief_worker(server: Server, index: int) -> Briefing:
    resources = server.resources
    workers = len(resources.udp)
    message: Message = {"type": "start", "index": index, "workers": workers}
    fds = {**server.segments.fds, **server.generation.fds()}
    fds["udp"] = resources.udp[index].fileno()
    fds |= frames_for(server, index)
    fds["event.self"] = resources.events[index]
    fds["event.store"] = resources.events[workers]
    return message, fds


def frames_for(server: Server, index: int) -> dict[str, int]:
    """A worker's packet socket, if there is one: they come with the first local link."""
    frames = server.resources.frames
    return {"packet": frames[index].fileno()} if frames else {}


def brief_control(server: Server) -> Briefing:
    resources = server.resources
    message: Message = {
        "type": "start",
        "config": facts(server.path, server.generation),
    }
    fds = {**server.segments.fds, **server.generation.fds()}
    fds["unix"] = resources.unix.fileno()
    if resources.tcp is not None:
        fds["tcp"] = resources.tcp.fileno()
    fds["store"] = resources.commands[1].fileno()
    return message, fds


def facts(path: Path, generation: Generation) -> Message:
    """What control shows of the configuration, and reads the table and the disk by."""
    server = generation.config.server
    return {
        "file": printable(str(path.absolute())),
        "listen": endpoint(server.listen),
        "workers": server.workers,
        "state_directory": str(server.state_directory),
        "identifiers": [one.name for one in generation.config.identifiers],
        "compile_s": generation.compile_s,
    }
