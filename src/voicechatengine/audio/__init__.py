"""Audio as values: formats, conversion, resampling, WAV files, voice activity. Knows no provider and no event."""
