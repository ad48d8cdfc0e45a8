"""Exit codes of the server and its processes: docs/OPERATION.md explains them to operators."""

EXIT_FAILED = 1
EXIT_DATA = 65
"""EX_DATAERR: leases that are damaged or gone; no use in a restart."""
EXIT_IN_USE = 75
"""EX_TEMPFAIL of sysexits.h: port or state directory in use."""
EXIT_CONFIG = 78
"""EX_CONFIG: bad configuration; no use in a restart."""
