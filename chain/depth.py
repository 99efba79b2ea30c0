"""How deep a block has to lie before it is taken for settled."""

# Blocks that a transaction needs on top of it before utilities and audits count it.
CONFIRMATIONS = {"clique": 3, "pow": 6}
