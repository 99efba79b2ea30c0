"""What exists before the first block: keys, the genesis block, the DAG."""
