"""Edge server, prosumer, retailer and smart meter: one process each, started as `python -m bots DIR`.

Each knows its own key and its own private parameters; the chain is the only memory that they share.
"""
