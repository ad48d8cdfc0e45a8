"""The link of a failover pair. So far only what decides: no process runs it yet."""
