"""The blocks: the contract that all keep, and what single ones compute."""
