"""A provider made of parts: turn detection, speech to text, a language model, text to speech. Any mix of them is a provider."""
