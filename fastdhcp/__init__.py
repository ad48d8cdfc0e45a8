"""fastdhcp: a DHCPv4 server with a C-speed packet path and leases on disk before they are told."""

__version__ = "0.1.0"
