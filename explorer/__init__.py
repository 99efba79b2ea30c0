"""The electricity blockchain explorer: an index of the chain in SQLite, and pages made from it.

Reads the chain and keeps no key. The index is its own: whatever is lost is read again from a node.
"""
