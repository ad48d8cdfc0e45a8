"""Entries in words."""

def entries(data: bytes | memoryview) -> list[dict[str, object]]:
    """A batch in words, for tools and tests."""
