"""Benchmarks, each beside what it is compared with: `python -m bench NAME`."""
