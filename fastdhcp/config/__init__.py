"""The configuration: read, checked, resolved, and compiled into the policy image."""

from fastdhcp.config.errors import ConfigError, Problem
from fastdhcp.config.load import check, load
from fastdhcp.config.model import (
    INFINITE,
    Configuration,
    Network,
    Params,
    Pool,
    Reservation,
    Server,
    Subnet,
)
from fastdhcp.config.server import reload_refusals, told_refusals

__all__ = [
    "INFINITE",
    "ConfigError",
    "Configuration",
    "Network",
    "Params",
    "Pool",
    "Problem",
    "Reservation",
    "Server",
    "Subnet",
    "check",
    "load",
    "reload_refusals",
    "told_refusals",
]
