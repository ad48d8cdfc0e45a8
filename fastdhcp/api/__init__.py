"""The commands of a running server, and how they are reached."""
