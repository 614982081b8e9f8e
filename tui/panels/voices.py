"""What sentiment is made of, as rows: the swing score and its parts, doubts, memories, sources, tiers, cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.feeds import TEXT_FEEDS
from engine.frame.host import Tiers
from engine.frame.sentiment import PostNow, SentimentNow, SwingNow
from tui.format import MISSING, SECOND_NS, grouped, signed
from tui.look import Look
from tui.panels.base import Row
from tui.panels.posts import OPINION, age, cut, legible, polarity_text, source_name

TROUBLED = ("BACKOFF", "BLOCKED")
PARTS = (
    "persistence",
    "agreement",
    "clarity",
    "liquidity",
    "flow",
)  # of the swing score, as the engine names them
OLD_AFTER = 3.0  # times a memory without a post
_TIERS = ("embedded", "local", "gateway")
_SOURCES = 8  # rows of them, the newest first
_BINS = 20  # of polarity from -1 to 1
_LEAST_GAUGE, _GAUGE = 7, 21  # cells, odd numbers: zero is the middle
_LABEL = 13  # cells of the column of labels


def gauge(swing: SwingNow, look: Look, width: int) -> Row:
    """The swing score on its scale from -100 to 100, and the parts it lacks by their initials."""
    palette, glyphs = look.palette, look.glyphs
    score = swing.score
    style = palette.dim if score is None else _tone(score, look)
    row = [Segment("SSS ", palette.dim), Segment(signed(score, 0, glyphs.minus).rjust(4) + "  ", style)]
    lacks = " ".join(name[0].upper() for name in swing.missing)
    said = f"  {lacks} missing" if lacks else ""
    cells = min(_GAUGE, (width - 10 - len(said) - 1) | 1)
    if cells >= _LEAST_GAUGE:
        track, middle = glyphs.track * (cells // 2), "+" if glyphs.ascii else "┼"
        line = track + middle + track
        if score is None:
            row.append(Segment(line, palette.faint))
        else:
            at = round((min(max(score, -100.0), 100.0) + 100.0) / 200.0 * (cells - 1))
            row += [
                Segment(line[:at], palette.faint),
                Segment(glyphs.knob, style),
                Segment(line[at + 1 :], palette.faint),
            ]
    return [*row, Segment(said, palette.dim)]


def trouble(frame: Frame, look: Look) -> list[tuple[str, Style]]:
    """A sentence for each text source that is not heard now, and for posts that were let go."""
    said = []
    for feed in frame.market.feeds:
        if feed.venue not in TEXT_FEEDS:
            continue
        troubled = feed.state in TROUBLED
        if not troubled and not feed.reason:
            continue
        reason = legible(feed.reason, 160) or feed.state.lower()
        again = ""
        if troubled and feed.retry_at_ns is not None:
            again = f", again in {age(frame.market.ts, max(feed.retry_at_ns, frame.market.ts))}"
        loud = troubled or feed.venue == "sentiment"
        said.append((f"{feed.venue}: {reason}{again}", look.palette.warning if loud else look.palette.dim))
    return said


def details(
    mood: SentimentNow,
    posts: Sequence[PostNow],
    now_ns: int,
    look: Look,
    width: int,
    machine: Tiers | None = None,
) -> list[Row]:
    """All there is to know of the number, block by block. `posts`: the latest about this asset.

    `machine`: how the higher tiers are on this machine, where this session scores text itself.
    """
    blocks = (
        _swing(mood.swing, look, width),
        _doubts(mood, look),
        _memories(mood, newest(posts) or 0, now_ns, look),
        _distribution(posts, look, width),
        _sources(mood, now_ns, look, width),
        _tiers(mood, look),
        _machine(machine, look, width),
    )
    rows: list[Row] = []
    for block in blocks:
        found = list(block)
        rows += [*([()] if rows and found else []), *found]
    return rows


def _swing(swing: SwingNow, look: Look, width: int) -> Iterator[Row]:
    palette = look.palette
    yield [
        Segment("swing sustainability  ", palette.dim),
        Segment(
            signed(swing.score, 0, look.glyphs.minus),
            palette.dim if swing.score is None else _tone(swing.score, look),
        ),
    ]
    room = max(4, min(_GAUGE, width - _LABEL - 6))
    for name in PARTS:
        share: float | None = getattr(swing, name)
        label = Segment(name.capitalize().ljust(_LABEL), palette.dim)
        if share is None:
            yield [label, Segment(cut("no history yet", width - _LABEL, look), palette.faint)]
        else:
            filled = round(min(max(share, 0.0), 1.0) * room)
            yield [
                label,
                Segment(look.glyphs.track_left * filled, palette.doubt),
                Segment(look.glyphs.track * (room - filled), palette.faint),
                Segment(f" {share:.2f}".rjust(6), palette.text),
            ]


def _doubts(mood: SentimentNow, look: Look) -> Iterator[Row]:
    if mood.value is None:
        return
    worth = f"{grouped(str(mood.posts_seen))}, worth {mood.effective_posts:.1f}"
    for label, text in (
        ("doubt", _about(mood.doubt, look)),
        ("epistemic", _about(mood.epistemic, look)),
        ("aleatoric", _about(mood.aleatoric, look)),
        ("disagreement", _about(mood.disagreement, look)),
        ("posts", worth),
    ):
        yield _pair(label, text, look)


def newest(posts: Sequence[PostNow]) -> int | None:
    """When the newest scored post was written, ns UTC."""
    return max((post.ts for post in posts if post.polarity is not None), default=None)


def is_old(latest_ns: int, now_ns: int, tau_s: float) -> bool:
    """Whether an exponential mean says nothing of now any more: all it holds weighs less than a twentieth."""
    return now_ns - latest_ns > OLD_AFTER * tau_s * SECOND_NS


def _memories(mood: SentimentNow, latest_ns: int, now_ns: int, look: Look) -> Iterator[Row]:
    """Means with other memories; those that are old are dim."""
    palette = look.palette
    if not mood.lags:
        return
    yield [Segment("over".ljust(_LABEL) + "mean".rjust(6) + "spread".rjust(8), palette.dim)]
    for lag in mood.lags:
        old = is_old(latest_ns, now_ns, lag.tau_s)
        yield [
            Segment(duration(lag.tau_s).ljust(_LABEL), palette.dim),
            Segment(polarity_text(lag.mean, look).rjust(6), palette.dim if old else _opinion(lag.mean, look)),
            Segment(_about(lag.deviation, look).rjust(8), palette.dim if old else palette.text),
        ]
    for label, value in (("half-life 1 d", mood.day), ("bitcoin now", mood.leader)):
        if value is not None:
            row = [Segment(label.ljust(_LABEL), palette.dim)]
            yield [*row, Segment(polarity_text(value, look).rjust(6), _opinion(value, look))]


def _distribution(posts: Sequence[PostNow], look: Look, width: int) -> Iterator[Row]:
    """How many of the latest posts have which polarity, three rows of columns over their scale."""
    palette, columns, rows = look.palette, look.glyphs.columns, 3
    scored = [post.polarity for post in posts if post.polarity is not None]
    if not scored:
        return
    counts = [0] * _BINS
    for polarity in scored:
        counts[min(max(int((polarity + 1.0) / 2.0 * _BINS), 0), _BINS - 1)] += 1
    wide = max(1, min(3, width // _BINS))
    steps, most = len(columns) - 1, max(counts)
    many = "s" if len(scored) > 1 else ""
    yield [Segment(f"polarity of the latest {len(scored)} post{many}", palette.dim)]
    for y in reversed(range(rows)):
        row = []
        for at, count in enumerate(counts):
            # Anything but nothing is seen, however rare.
            filled = 0 if not count else max(1, round(count / most * rows * steps))
            part = min(max(filled - y * steps, 0), steps)
            row.append(
                Segment(columns[part] * wide, palette.bid_soft if at >= _BINS // 2 else palette.ask_soft)
            )
        yield row
    low, high = f"{look.glyphs.minus}1", "+1"
    yield [Segment(low + "0".center(_BINS * wide - 4) + high, palette.dim)]


def _sources(mood: SentimentNow, now_ns: int, look: Look, width: int) -> Iterator[Row]:
    palette = look.palette
    if not mood.sources:
        return
    name_width = max(8, width - 20)
    yield [
        Segment("source".ljust(name_width) + "posts".rjust(7) + "mean".rjust(7) + "age".rjust(6), palette.dim)
    ]
    known = sorted(mood.sources, key=lambda source: source.latest, reverse=True)
    for source in known[:_SOURCES]:
        name = cut(source_name(source.name), name_width - 1, look)
        yield [
            Segment(name, palette.warning if source.name == "synthetic" else palette.text),
            Segment(
                grouped(str(source.posts)).rjust(name_width - Segment(name).cell_length + 7), palette.dim
            ),
            Segment(polarity_text(source.polarity, look).rjust(7), _opinion(source.polarity, look)),
            Segment(age(source.latest, now_ns).rjust(6), palette.dim),
        ]
    if len(known) > _SOURCES:
        yield [Segment(f"{len(known) - _SOURCES} more", palette.dim)]


def _tiers(mood: SentimentNow, look: Look) -> Iterator[Row]:
    if not mood.tiers:
        return
    order = {tier: place for place, tier in enumerate(_TIERS)}
    known = sorted(mood.tiers, key=lambda tier: order.get(tier[0], len(order)))
    for place, (tier, count) in enumerate(known):
        text = f"{grouped(str(count))} {cut(tier, 12, look)}"
        yield _pair("" if place else "scored by", text, look)
    spent = "nothing" if not mood.cost_micro else f"${mood.cost_micro / 1e6:.4f}"
    yield _pair("spent", look.amount(spent), look)


def _machine(machine: Tiers | None, look: Look, width: int) -> Iterator[Row]:
    if machine is None:
        return
    for name, state in (("local", machine.local), ("gateway", machine.gateway)):
        if state:
            yield _pair(name, legible(state, max(8, width - 12)), look)
    if machine.spent_micro is not None and machine.ceiling_micro is not None:
        text = f"${machine.spent_micro / 1e6:.2f} of ${machine.ceiling_micro / 1e6:.2f}"
        yield _pair("month", look.amount(text), look)


def duration(seconds: float) -> str:
    """A time constant.

    >>> [duration(s) for s in (45.0, 60.0, 300.0, 3600.0)]
    ['45 s', '1 min', '5 min', '1 h']
    """
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def _pair(label: str, text: str, look: Look) -> Row:
    return [Segment(label.ljust(_LABEL), look.palette.dim), Segment(text, look.palette.text)]


def _about(value: float | None, look: Look) -> str:
    return MISSING if value is None else f"{look.glyphs.plus_minus}{value:.2f}"


def _tone(value: float, look: Look) -> Style:
    palette = look.palette
    return palette.bid_bright if value > 0 else palette.ask_bright if value < 0 else palette.text


def _opinion(value: float | None, look: Look) -> Style:
    palette = look.palette
    if value is None or abs(value) <= OPINION:
        return palette.text
    return palette.bid if value > 0 else palette.ask
