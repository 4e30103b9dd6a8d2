"""One folder a vendor: its wire, both sides of it, its configuration and its provider. No vendor knows another."""
