"""The electricity trading smart contract: its source, its artifact, its typed binding, its audit."""
