"""The header of a frame of MPEG audio (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3)."""

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version


def mpeg_rate(data: bytes) -> int | None:
    """Sample rate in Hz that the header of a frame of MP1, MP2 or MP3 declares; None if it is no such header.

    >>> mpeg_rate(bytes([0xFF, 0xFB, 0x90, 0x00])), mpeg_rate(bytes([0xFF, 0xF3, 0x40, 0x00])), mpeg_rate(b"RIFF")
    (44100, 22050, None)
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    rates = _RATES.get(data[1] >> 3 & 3)
    which = data[2] >> 2 & 3
    return rates[which] if rates and which < 3 else None
