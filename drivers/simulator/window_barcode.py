"""Code 128: the bars of a text, as a label printer would print them (ISO/IEC 15417)."""

from __future__ import annotations

from typing import Final

_SYMBOLS: Final = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232 2331112"
)
"""Each symbol as the widths of its bars and gaps in turn, in the order of their values."""

_TO_C, _TO_B, _START_B, _START_C, _STOP = 99, 100, 104, 105, 106
_SHORTEST_RUN_OF_PAIRS = 4


def bars(text: str) -> str:
    """The modules of a text as `1` for a bar and `0` for a gap, without quiet zones.

    Raises `ValueError` for an empty text and for characters other than printable ASCII.
    """
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!r} is no printable ASCII text: Code 128 B and C hold no other")
    values = _values(text)
    check = (values[0] + sum(place * value for place, value in enumerate(values))) % 103
    drawn = []
    for value in [*values, check, _STOP]:
        for place, width in enumerate(_symbol(value)):
            drawn.append("01"[place % 2 == 0] * int(width))
    return "".join(drawn)


def _symbol(value: int) -> str:
    # Six digits and a space each; only the last, the stop, has seven digits.
    return _SYMBOLS[7 * value : 7 * value + 7].strip()


def _values(text: str) -> list[int]:
    """The symbols from the start on; runs of digits go two by two, which halves their bars."""
    values: list[int] = []
    in_pairs = False
    place = 0
    while place < len(text):
        run = _digits_from(text, place)
        if run >= (2 if in_pairs else _SHORTEST_RUN_OF_PAIRS) and (in_pairs or run % 2 == 0):
            if not in_pairs:
                values.append(_TO_C if values else _START_C)
                in_pairs = True
            values.append(int(text[place : place + 2]))
            place += 2
            continue
        if in_pairs or not values:
            values.append(_TO_B if values else _START_B)
            in_pairs = False
        values.append(ord(text[place]) - 32)
        place += 1
    return values


def _digits_from(text: str, place: int) -> int:
    length = 0
    while place + length < len(text) and text[place + length].isdigit():
        length += 1
    return length
