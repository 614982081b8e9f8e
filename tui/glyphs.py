"""The characters that draw things, in two sets: one for terminals with blocks and braille, one in ASCII."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every character is one cell wide. `bars[0]` is empty, `bars[-1]` full; likewise `columns`."""

    ascii: bool
    bars: str  # growing to the right, in equal parts of a cell
    columns: str  # growing upwards
    corners: str  # top left, top right, bottom left, bottom right
    across: str
    down: str
    rise: str
    fall: str
    flat: str
    dot: str
    ring: str
    check: str
    cross: str
    record: str
    play: str
    pause: str
    now: str
    track: str
    track_left: str
    unbuilt: str  # the part of a track that is not made yet
    knob: str
    mark: str
    shock: str  # a zigzag arrow of one cell: the emoji of lightning takes two, and rows are counted in cells
    own: str  # points at what is one's own
    middle: str  # between two parts of a sentence
    plus_minus: str
    minus: str
    total: str
    hidden: str  # stands for an amount in quiet mode

    def bar(self, share: float, width: int) -> str:
        """A bar of `width` cells filled to `share` (0..1), blanks behind it.

        >>> UNICODE.bar(0.5, 3)
        '█▌ '
        """
        steps = len(self.bars) - 1
        filled = round(min(max(share, 0.0), 1.0) * width * steps)
        whole, part = divmod(filled, steps)
        body = self.bars[-1] * whole + (self.bars[part] if part else "")
        return body.ljust(width)


UNICODE = Glyphs(
    ascii=False,
    bars=" ▏▎▍▌▋▊▉█",
    columns=" ▁▂▃▄▅▆▇█",
    corners="╭╮╰╯",
    across="─",
    down="│",
    rise="▲",
    fall="▼",
    flat="·",
    dot="●",
    ring="○",
    check="✓",
    cross="✗",
    record="●",
    play="▶",
    pause="‖",
    now="▸",
    track="─",
    track_left="━",
    unbuilt="┄",
    knob="●",
    mark="◆",
    shock="↯",
    own="◂",
    middle="·",
    plus_minus="±",
    minus="−",
    total="Σ",
    hidden="•",
)

ASCII = Glyphs(
    ascii=True,
    bars=" #",
    columns=" .:-=+*#",
    corners="++++",
    across="-",
    down="|",
    rise="^",
    fall="v",
    flat="=",
    dot="*",
    ring="o",
    check="ok",
    cross="no",
    record="*",
    play=">",
    pause="=",
    now=">",
    track="-",
    track_left="=",
    unbuilt=".",
    knob="O",
    mark="#",
    shock="!",
    own="<",
    middle="-",
    plus_minus="+-",
    minus="-",
    total="sum",
    hidden="*",
)

# Signs that our own sentences and numbers use, a cell for a cell.
_IN_ASCII = str.maketrans("–−·…×±✓●▲▼→←¼½↯◂▸↑↓", "---.x~+*^v><..!<>^v")


def to_ascii(text: str) -> str:
    """The same number of characters, all ASCII; what has no likeness becomes a question mark.

    >>> to_ascii("−0.33 – 東京")
    '-0.33 - ??'
    """
    return text.translate(_IN_ASCII).encode("ascii", "replace").decode("ascii")
