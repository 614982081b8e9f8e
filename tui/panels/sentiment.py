"""Sentiment: what people write about the asset, weighed, with its doubt, and how long its swing may last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style

from engine.events import SentimentRule
from engine.frame import Frame
from engine.frame.feeds import TEXT_FEEDS
from engine.frame.sentiment import PostNow, SentimentNow
from tui.look import Look
from tui.panels.base import Row
from tui.panels.mood import LEAST_ROWS, MoodChart
from tui.panels.posts import PostRows, age, heading, legible, polarity_text
from tui.panels.scroll import ScrollPanel, wrapped
from tui.panels.voices import details, duration, gauge, is_old, newest, trouble

CHART_SHARE = 0.4  # of the height
TIMES_FROM = 5  # rows of chart from which it has a time axis
DETAILS_FROM = (72, 12)  # cells inside the frame from which the details stand beside
DETAILS_WIDTH = (34, 46)
_GAP = 2
_FRAME = 6  # cells of the upper frame that nothing is written on


class Sentiment(ScrollPanel):
    """The chosen symbol's asset: chart, swing score, latest posts; with room, everything behind the number."""

    title = "sentiment"
    key = "3"
    place = "right"
    rate_hz = 2.0
    help = (
        "What is written about the asset, -1 bearish to +1 bullish: the mean of posts weighed by the scorer's "
        "confidence and against machines, forgotten over the time in the lower frame (EWMA); ± is its standard "
        "error.\n"
        "Chart: the mean (violet), its doubt (band), what the posts themselves leave open (fainter band); the latest "
        "posts as dots at their time and polarity, larger the more they count, ▲▼ beyond the scale.\n"
        "SSS: Swing Sustainability Score, -100 to 100, from Persistence, Agreement of posts, Clarity, Liquidity and "
        "Flow of orders; parts without enough history are missing, and it says which. A heuristic of ours.\n"
        "Posts: score, age, source, the tier that scored it, and the probability that a machine wrote it (bot); "
        "where there is room, the time from its arrival to its score (took).\n"
        "synthetic: made up by a simulated market.\n"
        "Zoomed (z): parts of the score, doubts, longer memories, distribution, sources, tiers and what they cost. "
        "Arrow keys and the wheel scroll."
    )

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._charted: tuple[object, ...] = ()
        self._chart_rows: list[Row] = []

    def needed(self, frame: Frame) -> bool:
        market = frame.market
        return market.sentiment is not None or any(feed.venue in TEXT_FEEDS for feed in market.feeds)

    def draw(self, frame: Frame) -> None:
        mood = frame.market.sentiment or SentimentNow(_asset(frame))
        asset = legible(mood.asset, 12)
        ours = [post for post in mood.posts if mood.asset in post.assets]
        now = frame.market.ts
        self._say_value(mood, asset, ours, now)
        width, height = self.inner
        beside = width >= DETAILS_FROM[0] and height >= DETAILS_FROM[1] and bool(mood.posts)
        right_width = min(max(width * 3 // 10, DETAILS_WIDTH[0]), DETAILS_WIDTH[1]) if beside else 0
        left_width = width - right_width - (_GAP if beside else 0)
        above = self._above(frame, mood, ours, left_width)
        below = PostRows(ours or mood.posts, now, self.look, left_width, ours=bool(ours))
        right = details(mood, ours, now, self.look, right_width, frame.host.tiers) if beside else []

        whole, blank = len(above) + len(below), self.look.palette.text

        def row(y: int) -> Row:
            left = above[y] if y < len(above) else below.row(y - len(above)) if y < whole else ()
            return _joined(left, right[y], left_width + _GAP, blank) if y < len(right) else left

        # What a person reads stays put as posts come above it; the chart, while it is in sight, stays as well.
        scrolled = self._offset > len(above)
        self.put_window(max(whole, len(right)), row, newest_first=scrolled, foot=self._memory(mood))

    # the frame

    def _say_value(self, mood: SentimentNow, asset: str, ours: Sequence[PostNow], now_ns: int) -> None:
        """Value and doubt. Of what does not fit the asset goes first: the header names it as well."""
        palette, glyphs, old = self.look.palette, self.look.glyphs, _old_since(mood, ours, now_ns)
        about = [Segment(f" {glyphs.middle} {asset}", palette.text)] if asset else []
        value, doubt, age_of_it, origin = list[Segment](), list[Segment](), list[Segment](), list[Segment]()
        if mood.value is not None:
            text = polarity_text(mood.value, self.look)
            value = [Segment(f"  {text}", palette.dim if old else palette.doubt)]
        if mood.value is not None and mood.doubt is not None and not old:
            doubt = [Segment(f" {glyphs.plus_minus}{mood.doubt:.2f}", palette.dim)]
        if old:
            age_of_it = [Segment(f"  {old}", palette.warning)]
        if any(post.synthetic for post in mood.posts):
            origin = [Segment(" synthetic", palette.warning)]
        room = self.size.width - _FRAME - len(f"{self.key} {self.title}")
        for head in (
            [*about, *value, *doubt, *age_of_it, *origin],
            [*value, *doubt, *age_of_it, *origin],
            [*value, *age_of_it, *origin],
            [*value, *age_of_it],
        ):
            if sum(part.cell_length for part in head) <= room:
                break
        self.put_head(head)

    def _memory(self, mood: SentimentNow) -> list[Segment]:
        """What the value is over: the memory, and how many posts it is worth."""
        if mood.value is None and mood.tau_s is None:
            return []
        by_post = f"alpha {mood.alpha:g}" if mood.alpha is not None else "by post"
        memory = duration(mood.tau_s) if mood.tau_s is not None else by_post
        text = f"EWMA {memory}, {mood.effective_posts:.1f} posts"
        return [Segment(text, self.look.palette.dim)]

    # rows

    def _above(self, frame: Frame, mood: SentimentNow, ours: Sequence[PostNow], width: int) -> list[Row]:
        """Chart, swing score, and what is wrong with the sources."""
        palette, height = self.look.palette, self.inner.height
        rows: list[Row] = []
        for text, style in trouble(frame, self.look):
            rows += [[Segment(line, style)] for line in wrapped(text, width)[:2]]
        if mood.value is None:
            return [*rows, *self._nothing(frame, mood, width)]
        chart_rows = max(LEAST_ROWS, round(height * CHART_SHARE) - len(rows))
        if height >= 2 * LEAST_ROWS and mood.history and mood.history_ns > 0:
            rows = [*self._chart(MoodChart(mood, ours, self.look, width, chart_rows)), *rows]
        rows.append(gauge(mood.swing, self.look, width))
        head = heading(width)
        if head is not None and ours:
            rows.append([Segment(head, palette.dim)])
        return rows

    def _chart(self, chart: MoodChart) -> list[Row]:
        """Drawn anew only when something in it has changed: a point comes every few seconds, a post now and then."""
        mood = chart.mood
        key = (mood.asset, mood.history_end, mood.value, chart.posts, chart.look, chart.width, chart.rows)
        if key != self._charted:
            self._charted = key
            self._chart_rows = chart.draw(times=chart.rows >= TIMES_FROM)
        return self._chart_rows

    def _nothing(self, frame: Frame, mood: SentimentNow, width: int) -> list[Row]:
        palette, asset = self.look.palette, legible(mood.asset, 12)
        if not mood.posts:
            known = {feed.venue: feed.state for feed in frame.market.feeds if feed.venue in TEXT_FEEDS}
            asked = ", ".join(venue for venue, state in known.items() if state != "LIVE")
            said = f"no post yet; waiting for {asked}" if asked else "no post yet"
        elif ours := [post for post in mood.posts if mood.asset in post.assets]:
            latest = newest(ours)
            said = f"no post about {asset} has been scored yet"
            if latest is not None:
                said = (
                    f"nothing new about {asset} for {age(latest, frame.market.ts)}: too long ago for a mean"
                )
        else:
            said = f"no post about {asset} yet; the latest about others:"
        return [[Segment(line, palette.dim)] for line in wrapped(said, width)]


def _asset(frame: Frame) -> str:
    market = frame.market
    return market.lines[market.symbol].instrument.base if market.symbol < len(market.lines) else ""


def _old_since(mood: SentimentNow, ours: Sequence[PostNow], now_ns: int) -> str:
    """How long the asset's newest post has been there, where that is too long for its mean to mean now."""
    if mood.value is None:
        return ""
    latest = newest(ours)
    if latest is None:
        return "old"
    tau_s = mood.tau_s or SentimentRule().tau_s  # a mean that forgets by post is no newer than its posts
    return f"old, {age(latest, now_ns)}" if is_old(latest, now_ns, tau_s) else ""


def _joined(left: Row, right: Row, start: int, blank: Style) -> Row:
    """Two rows next to each other, the right one from cell `start` on."""
    used = sum(segment.cell_length for segment in left)
    return [*left, Segment(" " * max(0, start - used), blank), *right]
