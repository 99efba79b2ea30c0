"""The game of the paper as pure functions: parameters, units, utilities, mining, equilibrium.

Knows nothing of chains and needs no numpy, so that a bot that uses it starts at once.
"""
