"""The store: the only process that writes leases to disk."""
