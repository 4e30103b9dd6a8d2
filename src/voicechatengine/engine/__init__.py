"""The engine: a conversation between sound (or text) and any provider. Knows the contract alone, no vendor and no network."""
