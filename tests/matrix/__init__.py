"""One conversation over every provider: the same script, and the same events but for what capabilities declare."""
