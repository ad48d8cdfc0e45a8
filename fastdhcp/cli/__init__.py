"""The `fastdhcp` command."""
