"""The load generator, the echo that gives the machine's ceiling, and the benchmarks."""
