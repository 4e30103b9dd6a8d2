"""What the library costs, measured against its floor and against others: ``python -m benchmarks --help``."""
