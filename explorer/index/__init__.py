"""The index of the chain: one writer in a process of its own, one database for each chain."""
