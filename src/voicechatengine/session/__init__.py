"""One session with one vendor: pure dialects, the one runtime that drives them, and the queues between."""
