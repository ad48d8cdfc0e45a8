"""`fastdhcp demo`: a server with clients in a network of its own, and no root needed."""

from fastdhcp.demo.command import demo

__all__ = ["demo"]
