"""Posts as rows: score, age, source, who scored it, how likely a machine wrote it, and the text as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

from engine.frame.sentiment import PostNow
from engine.text import clean
from tui.format import MISSING, SECOND_NS, signed
from tui.glyphs import to_ascii
from tui.look import Look
from tui.panels.base import Row

OPINION = 0.1  # polarity beyond which a post is bullish or bearish, as in the engine's agreement of posts
LIGHT = 0.2  # weight below which a post is drawn with less colour
WIDE = 64  # cells from which a post has one line, its numbers in columns
TOOK_FROM = 76  # cells from which one of them is how long its score took
_SHORT = {"embedded": "emb", "local": "loc", "gateway": "gate"}  # tiers, where there is little room
_INDENT = 6  # cells of score and age, the text begins behind them
_SOURCE = 18  # cells of a source where it has a column
_NO_SELECTORS = dict.fromkeys(range(0xFE00, 0xFE10))  # terminals disagree about how wide they make a sign


def weight(post: PostNow) -> float:
    """How much it counts: confidence times the probability that a person wrote it; 0 while nobody has scored it."""
    return (post.confidence or 0.0) * (1.0 - (post.bot or 0.0))


def post_style(post: PostNow, look: Look) -> Style:
    """Bullish or bearish, with less colour the less it counts."""
    palette, polarity = look.palette, post.polarity
    if polarity is None or abs(polarity) <= OPINION:
        return palette.dim
    if weight(post) < LIGHT:
        return palette.bid_soft if polarity > 0 else palette.ask_soft
    return palette.bid if polarity > 0 else palette.ask


def age(since_ns: int, now_ns: int) -> str:
    """How long ago, in the unit that suits.

    >>> [age(0, s * 1_000_000_000) for s in (-3, 12, 720, 7200, 200_000)]
    ['0s', '12s', '12m', '2h', '2d']
    """
    seconds = max(0, now_ns - since_ns) // SECOND_NS
    for unit, letter in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def took_text(took_ms: int | None) -> str:
    """From a post's arrival to its score.

    >>> [took_text(ms) for ms in (None, 40, 1234, 65_000)]
    ['–', '40 ms', '1.2 s', '65 s']
    """
    if took_ms is None:
        return MISSING
    if took_ms < 1000:
        return f"{took_ms} ms"
    seconds = took_ms / 1000
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def source_name(source: str) -> str:
    """A source as people call it.

    >>> source_name("reddit:Bitcoin"), source_name("news:coindesk"), source_name("fear-greed")
    ('r/Bitcoin', 'coindesk', 'fear-greed')
    """
    site, _, part = clean(source, 60).partition(":")
    if not part:
        return site
    return f"r/{part}" if site == "reddit" else part


def cut(text: str, width: int, look: Look) -> str:
    """Text from outside in at most `width` cells, as this terminal can show it; an ellipsis says that some is left out.

    >>> from tui.look import plain_look
    >>> cut("to the \u202emoon", 8, plain_look()), cut("東京東京", 5, plain_look())
    ('to the …', '東京…')
    """
    return _cut(text, width, look.glyphs.ascii)


def legible(text: str, limit: int) -> str:
    """Text from outside on one line, of at most `limit` characters, none of which changes how others are drawn."""
    return clean(text.translate(_NO_SELECTORS), limit)


@lru_cache(4096)
def _cut(text: str, width: int, ascii_only: bool) -> str:
    line = legible(text, 400)
    if ascii_only:
        line = to_ascii(line)
    if cell_len(line) <= width:
        return line
    return chop_cells(line, width - 1)[0] + "…" if width > 2 else ""


def heading(width: int) -> str | None:
    """What the columns of a wide list are; a narrow one has none."""
    took = "   took" if width >= TOOK_FROM else ""
    return f" age{took}  score  conf   bot  tier     {'source':<{_SOURCE}}post" if width >= WIDE else None


class PostRows:
    """Posts in the order given: a line each where there is room, else two. `ours`: about the panel's asset.

    Rows are made when they are asked for: a panel shows a dozen of two hundred posts.
    """

    def __init__(self, posts: Sequence[PostNow], now_ns: int, look: Look, width: int, *, ours: bool) -> None:
        self._posts, self._now_ns, self._look, self._width, self._ours = posts, now_ns, look, width, ours
        self._lines = 1 if width >= WIDE else 2

    def __len__(self) -> int:
        return self._lines * len(self._posts)

    def row(self, y: int) -> Row:
        """Row `y` from the top."""
        which, line = divmod(y, self._lines)
        post = self._posts[which]
        if self._lines == 1:
            return _line(post, self._now_ns, self._look, self._width, self._ours)
        if line:
            return _origin(post, self._now_ns, self._look, self._width)
        return _words(post, self._look, self._width, self._ours)


def _line(post: PostNow, now_ns: int, look: Look, width: int, ours: bool) -> Row:
    palette = look.palette
    tier = cut(post.tier, 8, look) or "waiting"
    numbers = f"  {_share(post.confidence):>4}  {_share(post.bot):>4}  {tier:<8} "
    source = cut(source_name(post.source), _SOURCE - 1, look)
    took = f"{took_text(post.took_ms):>6} " if width >= TOOK_FROM else ""
    row = [
        Segment(f"{age(post.ts, now_ns):>4} {took}", palette.dim),
        Segment(f"{_score(post, look):>6}", post_style(post, look) + _BOLD),
        Segment(numbers, palette.dim),
        Segment(source + " " * (_SOURCE - cell_len(source)), _source_style(post, look)),
    ]
    room = width - sum(segment.cell_length for segment in row)
    if post.synthetic and source != "synthetic":
        row.append(Segment("synthetic ", palette.warning))
        room -= 10
    row.append(Segment(cut(_with_asset(post, ours), room, look), palette.text if ours else palette.dim))
    return row


def _words(post: PostNow, look: Look, width: int, ours: bool) -> Row:
    room = max(4, width - _INDENT)
    return [
        Segment(_score(post, look).rjust(_INDENT - 1) + " ", post_style(post, look) + _BOLD),
        Segment(cut(_with_asset(post, ours), room, look), look.palette.text if ours else look.palette.dim),
    ]


def _origin(post: PostNow, now_ns: int, look: Look, width: int) -> Row:
    palette, room = look.palette, max(4, width - _INDENT)
    tier, bot = cut(post.tier, 8, look) or "waiting", f"bot {_share(post.bot)}"
    source = source_name(post.source)
    if post.synthetic and source != "synthetic":
        source = f"synthetic {source}"
    parts = (f" · {tier}", f" · {bot}")
    if cell_len(source) + sum(map(len, parts)) > room:
        parts = (f" · {_SHORT.get(tier, tier)}", f" · {bot}")
    return [
        Segment(age(post.ts, now_ns).rjust(_INDENT - 1) + " ", palette.dim),
        Segment(cut(source, max(3, room - sum(map(len, parts))), look), _source_style(post, look)),
        Segment("".join(parts).replace("·", look.glyphs.middle), palette.dim),
    ]


_BOLD = Style(bold=True)


def polarity_text(value: float | None, look: Look) -> str:
    """A polarity, or the mean of some, with two digits; what rounds to zero has no minus."""
    return signed(None if value is None else round(value, 2) + 0.0, 2, look.glyphs.minus)


def _score(post: PostNow, look: Look) -> str:
    return "…" if post.polarity is None else polarity_text(post.polarity, look)


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0%}"


def _source_style(post: PostNow, look: Look) -> Style:
    return look.palette.warning if post.synthetic else look.palette.dim


def _with_asset(post: PostNow, ours: bool) -> str:
    """Of a post about something else, what it is about comes first."""
    if ours or not post.assets:
        return post.text
    return f"{' '.join(post.assets[:3])}: {post.text}"
