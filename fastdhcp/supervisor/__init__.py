"""The supervisor: starts all processes, watches them, and owns sockets, memory and policy."""
