"""Audio from one format to another of the same sample rate: encodings and channels. Pure functions on bytes.

G.711 is ITU-T G.711 through `audioop` (from Python 3.13 the package audioop-lts). Samples are computed in the machine's own
order, which is little-endian wherever this library's dependencies run. Another sample rate is the business of `resample.py`.
"""

from __future__ import annotations

import warnings
from array import array

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # 3.11 and 3.12 announce its removal; 3.13 has the package
    import audioop

__all__ = ["audioop", "convert", "to_pcm16"]

FULL_SCALE = 32768


def convert(audio: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """`audio` in the encoding and channels of `target`.

    More channels to one is their mean, one to more is the same sound on each, any other change goes through one. PCM16 to
    float32 and back is exact; float32 beyond -1..1 is clipped. Raises `AudioError` for another sample rate, for bytes that
    are not of `source`, and for float32 that is not a number.
    """
    if source.sample_rate != target.sample_rate:
        raise AudioError(
            f"{source} cannot be made {target} by conversion alone",
            field="sample_rate",
            cure="use voicechatengine.audio.resample.Resampler",
        )
    source.check(audio)
    if source.same_sound(target):
        return bytes(audio)
    before, after = source.channels, target.channels
    if source.encoding == target.encoding == "float32":
        return _mix_float(audio, before, after)
    pcm = to_pcm16(audio, source)
    if before != after:
        if before == 2:  # noqa: PLR2004 - stereo, which audioop does at once
            pcm, before = audioop.tomono(pcm, 2, 0.5, 0.5), 1
        pcm = audioop.tostereo(pcm, 2, 1, 1) if (before, after) == (1, 2) else _mix_pcm16(pcm, before, after)
    return _from_pcm16(pcm, target)


def to_pcm16(audio: bytes, source: AudioFormat) -> bytes:
    """`audio` as PCM16 with the channels that it has. Raises `AudioError` for float32 that is not a number."""
    match source.encoding:
        case "pcm16":
            return bytes(audio)
        case "g711_ulaw":
            return audioop.ulaw2lin(audio, 2)
        case "g711_alaw":
            return audioop.alaw2lin(audio, 2)
        case "float32":
            return _float_to_pcm16(audio)


def _from_pcm16(pcm: bytes, target: AudioFormat) -> bytes:
    match target.encoding:
        case "pcm16":
            return pcm
        case "g711_ulaw":
            return audioop.lin2ulaw(pcm, 2)
        case "g711_alaw":
            return audioop.lin2alaw(pcm, 2)
        case "float32":
            return array("f", [sample / FULL_SCALE for sample in array("h", pcm)]).tobytes()


def _float_to_pcm16(audio: bytes) -> bytes:
    top, low = FULL_SCALE - 1, -FULL_SCALE
    try:
        return array(
            "h", [round(max(min(sample * FULL_SCALE, top), low)) for sample in array("f", audio)]
        ).tobytes()
    except ValueError:
        raise AudioError(
            "float32 audio holds a sample that is not a number",
            field="audio",
            cure="check that the bytes are little-endian float32, and where the NaN comes from",
        ) from None


def _mix_float(audio: bytes, before: int, after: int) -> bytes:
    samples = array("f", audio)
    channels = [samples[channel::before] for channel in range(before)]
    mono = array("f", [sum(block) / before for block in zip(*channels, strict=True)])
    mixed = array("f", bytes(4 * len(mono) * after))
    for channel in range(after):
        mixed[channel::after] = mono
    return mixed.tobytes()


def _mix_pcm16(pcm: bytes, before: int, after: int) -> bytes:
    samples = array("h", pcm)
    channels = [samples[channel::before] for channel in range(before)]
    mono = array("h", [round(sum(block) / before) for block in zip(*channels, strict=True)])
    mixed = array("h", bytes(2 * len(mono) * after))
    for channel in range(after):
        mixed[channel::after] = mono
    return mixed.tobytes()
