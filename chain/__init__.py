"""Speaking to an Ethereum node: JSON-RPC, signing, sending, new heads, clique's seal.

Knows Ethereum and nothing of electricity.
"""
