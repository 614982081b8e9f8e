"""Colour arithmetic in OKLab, where equal steps look equal: ramps and blends for themes.

Source of the two matrices: Björn Ottosson, "A perceptual color space for image processing", 2020.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_HEX = re.compile(r"#[0-9a-fA-F]{6}")

Lab = tuple[float, float, float]


def is_hex(text: object) -> bool:
    """Whether this is a colour as themes write it, `#rrggbb`."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def mix(first: str, second: str, share: float) -> str:
    """The colour `share` (0..1) of the way from `first` to `second`.

    >>> mix("#000000", "#ffffff", 0.0), mix("#000000", "#ffffff", 1.0)
    ('#000000', '#ffffff')
    """
    a, b = _to_lab(first), _to_lab(second)
    return _to_hex((a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share))


def ramp(stops: Sequence[str], count: int) -> tuple[str, ...]:
    """`count` colours at even perceptual distances along `stops`, both ends included.

    Even means even in OKLab distance along the whole path, so that no two neighbours look alike
    however unevenly the stops were chosen.
    """
    labs = [_to_lab(stop) for stop in stops]
    lengths = [sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5 for a, b in pairwise(labs)]
    whole = sum(lengths) or 1.0
    colours = []
    for step in range(count):
        left = whole * step / max(1, count - 1)
        at = 0
        while at < len(lengths) - 1 and left > lengths[at]:
            left -= lengths[at]
            at += 1
        share = min(1.0, left / lengths[at]) if lengths[at] else 0.0
        colours.append(mix(stops[at], stops[at + 1], share))
    return tuple(colours)


def _linear(colour: str) -> Lab:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _gamma_off(red), _gamma_off(green), _gamma_off(blue)


def _gamma_off(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _gamma_on(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return value * 12.92 if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)


def _to_lab(colour: str) -> Lab:
    r, g, b = _linear(colour)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _to_hex(lab: Lab) -> str:
    light, green_red, blue_yellow = lab
    long = (light + 0.3963377774 * green_red + 0.2158037573 * blue_yellow) ** 3
    middle = (light - 0.1055613458 * green_red - 0.0638541728 * blue_yellow) ** 3
    short = (light - 0.0894841775 * green_red - 1.2914855480 * blue_yellow) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(_gamma_on(c) * 255):02x}" for c in channels)
