"""The command `voicechat`: a thin hand over the engine, the providers and the simulators."""
