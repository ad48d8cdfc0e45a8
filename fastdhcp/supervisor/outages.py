"""Links whose clients go unanswered: an alarm for each interface that is named, or was served."""

from collections.abc import Mapping

from fastdhcp.config import Configuration
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.links import served_links
from fastdhcp.supervisor.obstacles import interface_trouble, named_interfaces


class Outages:
    """Looks at each generation. What the configuration names, or has an address in a subnet, is
    missed from the start; what has lost that address, if it was served, and over a reload as long
    as it is there and would be served again by that address."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._config: object = None
        self._had: dict[str, Interface] = {}  # as each was when it was served last
        self._on: set[str] = set()

    def look(self, generation: Generation) -> None:
        found = {interface.name: interface for interface in generation.interfaces}
        if generation.config is not self._config:
            self._config = generation.config
            self._had = self._still_meant(generation.config, found)
        serving = {link.name for link in generation.served if link.works}
        out = self._out(generation, found, serving)
        self._had |= {link.name: link for link in generation.served if link.works}
        for name, text in out.items():
            self._alarms.raise_alarm("interface-not-served", text, name)
        for name in self._on - out.keys():
            self._alarms.clear("interface-not-served", name)
        self._on = set(out)

    def _still_meant(
        self, config: Configuration, found: Mapping[str, Interface]
    ) -> dict[str, Interface]:
        """Those that a new configuration would serve as they were. One that is not there any more
        is not meant: the reload is the operator's word for it."""
        there = [interface for name, interface in self._had.items() if name in found]
        return {interface.name: interface for interface in served_links(config, there)}

    def _out(
        self, generation: Generation, found: Mapping[str, Interface], serving: set[str]
    ) -> dict[str, str]:
        """Words by name."""
        named = named_interfaces(generation.config)
        idle = {link.name for link in generation.served} - serving
        out = {}
        for name in [*named, *sorted((idle | self._had.keys() - serving) - {*named})]:
            trouble = interface_trouble(name, found.get(name))
            if trouble is not None:
                out[name] = trouble[1]
            elif name not in named:
                out[name] = f"{name} has no address in a subnet any more: its clients get none"
        return out
