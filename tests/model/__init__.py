"""Models: the shared memory protocol against plain twins, with real processes over real memfds."""
