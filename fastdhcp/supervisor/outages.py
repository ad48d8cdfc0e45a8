"""Links whose clients go unanswered: an alarm for each interface that is named, or was served."""

from collections.abc import Mapping

from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.obstacles import interface_trouble, named_interfaces


class Outages:
    """Looks at each generation. What the configuration names, or has an address in a subnet, is
    missed from the start; what has lost that address only if it was served since the configuration
    was read."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._config: object = None
        self._served: set[str] = set()
        self._on: set[str] = set()

    def look(self, generation: Generation) -> None:
        if generation.config is not self._config:
            self._config, self._served = generation.config, set()
        found = {interface.name: interface for interface in generation.interfaces}
        serving = {link.name for link in generation.served if link.works}
        out = self._out(generation, found, serving)
        self._served |= serving
        for name, text in out.items():
            self._alarms.raise_alarm("interface-not-served", text, name)
        for name in self._on - out.keys():
            self._alarms.clear("interface-not-served", name)
        self._on = set(out)

    def _out(
        self, generation: Generation, found: Mapping[str, Interface], serving: set[str]
    ) -> dict[str, str]:
        """Words by name."""
        named = named_interfaces(generation.config)
        idle = {link.name for link in generation.served} - serving
        out = {}
        for name in [*named, *sorted((idle | self._served - serving) - {*named})]:
            trouble = interface_trouble(name, found.get(name))
            if trouble is not None:
                out[name] = trouble[1]
            elif name not in named:
                out[name] = f"{name} has no address in a subnet any more: its clients get none"
        return out
