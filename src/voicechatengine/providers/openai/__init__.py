"""OpenAI Realtime (GA): its messages, both sides of them, its configuration and its provider."""
