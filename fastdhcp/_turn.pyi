"""How soon a process gets a core when it wakes."""

def turn_soon() -> int:
    """Asks for a short slice, and for waits that end in time. Returns the slice in ns; 0: this
    kernel has none."""
