"""Addresses on the command line: what is none is wrong usage, whether or not a server runs."""

from typing import Any

import click

from fastdhcp import words


class Address(click.ParamType[str]):
    """An IPv4 address; `hardware`: or a hardware address."""

    name = "address"

    def __init__(self, hardware: bool = False) -> None:
        self._hardware = hardware

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            words.address_number(value)
        except ValueError as error:
            if not self._hardware:
                self.fail(str(error), param, ctx)
            self._be_hardware(value, param, ctx)
        return str(value)

    def _be_hardware(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> None:
        try:
            words.hardware_bytes(value)
        except ValueError:
            text = f"{value!r} is neither an IPv4 address nor a hardware address"
            self.fail(text, param, ctx)


ADDRESS = Address()
ADDRESS_OR_HARDWARE = Address(hardware=True)
