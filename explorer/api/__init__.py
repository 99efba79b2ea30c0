"""What programs ask: the Etherscan-compatible `/api`, and REST with an OpenAPI document under `/rest`."""
