"""The realtime wire that OpenAI made and others speak with differences: its messages, and both sides of it. It is no vendor."""
