"""`fastdhcp probe`: one exchange with any DHCP server, told step by step."""

from fastdhcp.probe.command import probe

__all__ = ["probe"]
