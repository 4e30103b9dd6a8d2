"""Seeded conversations with faults, and what must hold however they go; see `docs/soak.md`."""
