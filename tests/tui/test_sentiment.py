"""The sentiment panel: its numbers against the posts they come from, its states, and text that is only ever data."""

from __future__ import annotations

import random
import re
import unicodedata

import frames
import moods
import msgspec
import numpy as np
import pytest
from frames import NOW, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_stage import inside, lines, on_stage
from stage import drawn, stage

from engine.frame import Frame
from engine.frame.feeds import Feed
from engine.frame.host import Tiers
from engine.frame.sentiment import LagNow, PostNow, SentimentNow, SourceNow, SwingNow
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.posts import WIDE, PostRows, cut, post_style, weight
from tui.panels.sentiment import Sentiment
from tui.panels.voices import PARTS, details, gauge
from tui.theme import FALLBACK, Palette

COMPACT, SOLO, ZOOMED = (40, 15), (80, 22), (160, 46)


def text_of(row: object) -> str:
    return "".join(segment.text for segment in row)  # type: ignore[attr-defined]


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def of(mood: SentimentNow | None, feeds: tuple[Feed, ...] = moods.FEEDS) -> Frame:
    return moods.with_mood(frames.live(), mood, feeds)


def changed(**changes: object) -> SentimentNow:
    return msgspec.structs.replace(moods.WHOLE, **changes)


# numbers


@pytest.mark.parametrize("size", [COMPACT, SOLO, ZOOMED])
def test_the_frame_names_asset_value_doubt_and_memory(size: tuple[int, int]) -> None:
    rows = drawn(Sentiment(plain_look()), of(moods.WHOLE), *size)
    told = re.search(r"sentiment · BTC  (\S+) ±(\d\.\d\d)", rows[0])
    assert told is not None
    value, doubt = moods.WHOLE.value, moods.WHOLE.doubt
    assert value is not None and doubt is not None  # noqa: PT018
    assert number(told[1]) == pytest.approx(value, abs=0.005)
    assert float(told[2]) == pytest.approx(doubt, abs=0.005)
    assert f"EWMA 5 min, {moods.WHOLE.effective_posts:.1f} posts" in rows[-1]


def test_a_mean_that_forgets_by_post_says_so_and_grows_old_all_the_same() -> None:
    rows = drawn(Sentiment(plain_look()), of(changed(tau_s=None)), *COMPACT)
    assert f"EWMA by post, {moods.WHOLE.effective_posts:.1f} posts" in rows[-1]
    assert "old" not in rows[0]
    posts = tuple(msgspec.structs.replace(p, ts=p.ts - 7200 * SECOND) for p in moods.WHOLE.posts)
    old = drawn(Sentiment(plain_look()), of(changed(tau_s=None, posts=posts)), *COMPACT)
    assert "old, 2h" in old[0]


@pytest.mark.parametrize("width", [30, WIDE, 110])
def test_every_post_has_its_numbers_newest_first(width: int) -> None:
    posts = moods.WHOLE.posts
    made = PostRows(posts, NOW, plain_look(), width, ours=True)
    rows = [text_of(made.row(y)) for y in range(len(made))]
    assert len(rows) == len(posts) * (1 if width >= WIDE else 2)
    said = rows if width >= WIDE else [a + b for a, b in zip(rows[::2], rows[1::2], strict=True)]
    for post, row in zip(posts, said, strict=True):
        ages = re.search(r"\b(\d+)([smhd])\b", row)
        assert ages is not None
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}[ages[2]]
        assert int(ages[1]) == (NOW - post.ts) // SECOND // unit
        if post.polarity is None:
            assert "waiting" in row
        else:
            score = re.search(r"[+−]\d\.\d\d", row)
            assert score is not None
            assert number(score[0]) == pytest.approx(post.polarity, abs=0.0051)
            assert post.tier[:3] in row
        assert (f"{post.bot:.0%}" if post.bot is not None else "–") in row


def test_weight_is_confidence_against_machines_and_dims_what_counts_little() -> None:
    palette = plain_look().palette
    sure = PostNow(NOW, "x", "t", (), False, 0.8, 0.9, "embedded", 0.05)
    machine = msgspec.structs.replace(sure, bot=0.95)
    assert weight(sure) == pytest.approx(0.855)
    assert weight(machine) == pytest.approx(0.045)
    assert weight(PostNow(NOW, "x", "t")) == 0.0
    assert post_style(sure, plain_look()) == palette.bid
    assert post_style(machine, plain_look()) == palette.bid_soft
    assert post_style(msgspec.structs.replace(sure, polarity=-0.8), plain_look()) == palette.ask
    assert post_style(msgspec.structs.replace(sure, polarity=0.05), plain_look()) == palette.dim


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=120))
def test_the_distribution_is_numpys_histogram(polarities: list[float]) -> None:
    posts = [PostNow(NOW, "x", "t", ("BTC",), False, p, 0.5, "embedded", 0.0) for p in polarities]
    counts = np.histogram(polarities, 20, (-1, 1))[0]
    edges = np.linspace(-1, 1, 21)
    if any(abs(edge - p) < 1e-9 for p in polarities for edge in edges[1:-1]):
        return  # on an edge rounding decides
    rows = [text_of(row) for row in details(SentimentNow("BTC"), posts, NOW, plain_look(), 20)]
    at = next(i for i, row in enumerate(rows) if row.startswith("polarity of the latest"))
    assert str(len(polarities)) in rows[at]
    heights = [sum(" ▁▂▃▄▅▆▇█".index(rows[at + 1 + y][bin]) for y in range(3)) for bin in range(20)]
    assert [height > 0 for height in heights] == list(counts > 0)
    for height, count in zip(heights, counts, strict=True):
        assert height == max(round(count / counts.max() * 24), int(count > 0))


@given(st.floats(-100, 100), st.integers(30, 120))
def test_the_gauge_points_where_the_score_is(score: float, width: int) -> None:
    row = text_of(gauge(SwingNow(score, missing=("persistence", "liquidity")), plain_look(), width))
    assert number(row.split()[1]) == pytest.approx(score, abs=0.5)
    assert "P L missing" in row
    track = re.search(r"[─┼●]+", row)
    assert track is not None
    whole = track[0]
    assert len(whole) % 2 == 1
    at = whole.index("●")
    assert at / (len(whole) - 1) * 200 - 100 == pytest.approx(score, abs=100 / (len(whole) - 1) + 1e-6)


def test_a_score_that_lacks_too_much_is_missing_and_no_needle_stands_anywhere() -> None:
    row = text_of(gauge(SwingNow(missing=("persistence", "agreement", "flow")), plain_look(), 60))
    assert row.startswith("SSS    –")
    assert "●" not in row
    assert "P A F missing" in row


def test_zoomed_tells_parts_doubts_memories_sources_tiers_and_cost() -> None:
    mood = changed(leader=-0.21)
    machine = Tiers("ready: a model", "asks", 1_230_000, 5_000_000)
    rows = [text_of(row) for row in details(mood, mood.posts, NOW, plain_look(), 40, machine)]
    assert any("local" in row and "ready: a model" in row for row in rows)
    assert any("$1.23 of $5.00" in row for row in rows)
    told = {row.split("  ")[0].strip(): row.split() for row in rows if row.strip()}
    assert float(told["Agreement"][-1]) == pytest.approx(mood.swing.agreement, abs=0.005)
    assert "no history yet" in next(row for row in rows if row.startswith("Persistence"))
    assert float(told["aleatoric"][-1][1:]) == pytest.approx(mood.aleatoric, abs=0.005)
    for lag, name in zip(mood.lags, ("1 min", "5 min", "1 h"), strict=True):
        assert lag.mean is not None
        assert number(told[name][2]) == pytest.approx(lag.mean, abs=0.005)
        assert float(told[name][3][1:]) == pytest.approx(lag.deviation, abs=0.005)
    assert told["bitcoin now"][-1] == "−0.21"
    for source in mood.sources:
        mine = [p for p in mood.posts if p.source == source.name]
        name = source.name.replace("reddit:", "r/").replace("news:", "")
        assert int(told[name][1]) == source.posts == len(mine)
        means = np.mean([p.polarity for p in mine if p.polarity is not None])
        assert number(told[name][2]) == pytest.approx(means, abs=0.0051)
    scored = [p.tier for p in mood.posts if p.tier]
    for tier in set(scored):
        assert any(re.search(rf"\b{scored.count(tier)} {tier}$", row) for row in rows)
    assert told["spent"] == ["spent", f"${scored.count('gateway') * 180 / 1e6:.4f}"]


def test_the_details_stand_beside_only_where_there_is_room() -> None:
    for size, beside in ((COMPACT, False), (SOLO, True), (ZOOMED, True)):
        text = "\n".join(drawn(Sentiment(plain_look()), of(moods.WHOLE), *size))
        assert ("swing sustainability" in text) == beside
        assert "SSS" in text


# states


async def test_without_text_there_is_no_panel_and_with_it_there_is() -> None:
    assert not Sentiment(plain_look()).needed(frames.live())
    assert Sentiment(plain_look()).needed(moods.waiting())
    async with stage(frames.live) as (it, _):
        assert it.panel("sentiment") not in it.app.main.needed  # type: ignore[union-attr]
    async with stage(moods.live) as (it, pilot):
        assert it.panel("sentiment").display
        await it.press(pilot, "3", "z")
        assert it.panel("sentiment").size.width == 160
        assert "r/BitcoinMarkets" in it.text()
        assert it.app.problems == []


@pytest.mark.parametrize(
    ("make", "said", "unsaid"),
    [
        (moods.waiting, ["no post yet; waiting for reddit"], ["SSS", "EWMA"]),
        (moods.others, ["no post about BTC yet", "ETH: to the moon", "+0."], ["SSS", "EWMA", "±"]),
        (moods.troubled, ["7 of 7 fail", "too many requests (429), again in 48s", "old, 25m"], ["±"]),
    ],
)
def test_a_state_is_said(make: object, said: list[str], unsaid: list[str]) -> None:
    rows = drawn(Sentiment(plain_look()), make(), *COMPACT)  # type: ignore[operator]
    text = " ".join(" ".join(row[2:-2].split()) for row in rows)
    for part in said:
        assert part in text
    for part in unsaid:
        assert part not in text


def test_a_source_in_trouble_is_named_in_the_colour_of_warnings_and_a_healthy_one_is_not_named() -> None:
    panel = Sentiment(plain_look())
    rows = drawn(panel, moods.troubled(), *COMPACT)
    at = next(y for y, row in enumerate(rows) if "reddit: 7 of 7" in row)
    style = next(s.style for s in panel.render_line(at) if "7 of 7" in s.text)
    assert style == panel.look.palette.warning
    assert not any("news:" in row for row in rows)


@pytest.mark.parametrize("size", [(36, 12), COMPACT, SOLO, ZOOMED])
def test_synthetic_posts_are_called_so_in_the_title_and_in_every_row(size: tuple[int, int]) -> None:
    borrowed = [msgspec.structs.replace(p, source="reddit:Bitcoin") for p in moods.SYNTHETIC.posts]
    for mood in (moods.SYNTHETIC, msgspec.structs.replace(moods.SYNTHETIC, posts=tuple(borrowed))):
        rows = drawn(Sentiment(plain_look()), of(mood, ()), *size)
        assert "synthetic" in rows[0]
        origins = [row for row in rows[1:-1] if "bot" in row or re.search(r"\d%.*embedded", row)]
        assert len(origins) >= 2
        assert all("synthetic" in row for row in origins if " bot  tier" not in row)
    assert "synthetic" not in drawn(Sentiment(plain_look()), of(moods.WHOLE), *size)[0]


def test_an_asset_whose_posts_wait_for_a_score_is_not_given_one() -> None:
    waiting = PostNow(NOW - SECOND, "reddit:Bitcoin", "gm", ("BTC",))
    rows = drawn(Sentiment(plain_look()), of(SentimentNow("BTC", posts=(waiting,))), *COMPACT)
    text = " ".join(" ".join(row[2:-2].split()) for row in rows)
    assert "no post about BTC has been scored yet" in text
    assert any("gm" in row for row in rows)
    assert not re.search(r"[+−]\d\.\d\d", " ".join(rows))


def test_a_mean_that_was_forgotten_is_not_called_unscored() -> None:
    old = PostNow(NOW - 4000 * SECOND, "reddit:Bitcoin", "gm", ("BTC",), False, 0.5, 0.9, "embedded")
    rows = drawn(Sentiment(plain_look()), of(SentimentNow("BTC", posts=(old,), tau_s=300.0)), *COMPACT)
    text = " ".join(" ".join(row[2:-2].split()) for row in rows)
    assert "nothing new about BTC for 1h: too long ago for a mean" in text


def test_how_long_a_score_took_stands_beside_the_age_where_there_is_room() -> None:
    post = PostNow(NOW - 9 * SECOND, "reddit:Bitcoin", "gm", ("BTC",), False, 0.5, 0.9, "local", 0.1, 1234)
    mood = changed(posts=(post, msgspec.structs.replace(post, took_ms=None)))
    wide = drawn(Sentiment(plain_look()), of(mood), *ZOOMED)
    assert any("age   took  score" in row for row in wide)
    assert [row[2:14] for row in wide if "gm" in row] == ["  9s  1.2 s ", "  9s      – "]
    assert not any("1.2 s" in row for row in drawn(Sentiment(plain_look()), of(mood), *COMPACT))


def test_quiet_hides_what_was_spent() -> None:
    quiet = Look(Palette(FALLBACK), quiet=True)
    loud, hushed = (
        "\n".join(drawn(Sentiment(look), of(moods.WHOLE), *ZOOMED)) for look in (plain_look(), quiet)
    )
    assert "$0.0" in loud
    assert "$0.0" not in hushed
    assert "•••" in hushed


def test_a_mean_over_a_memory_without_posts_is_dim_while_longer_ones_hold() -> None:
    palette = plain_look().palette
    latest = max(post.ts for post in moods.OLD.posts)
    rows = details(moods.OLD, moods.OLD.posts, latest + 400 * SECOND, plain_look(), 40)
    styles = {text_of(row).split("  ")[0]: list(row)[1].style for row in rows if len(row) == 3}
    assert styles["1 min"] == palette.dim
    assert styles["5 min"] == styles["1 h"] == palette.bid


# text from outside


HOSTILE = "[b]bold[/b] \x1b[2J\x1b]0;x\x07 \u202eevil\u2066 zero\u200bwidth \U000e0041tag ❤\ufe0f 東京 🚀"


@pytest.mark.parametrize("size", [COMPACT, SOLO, ZOOMED])
def test_hostile_text_is_shown_as_text(size: tuple[int, int]) -> None:
    post = PostNow(NOW, HOSTILE, HOSTILE, ("BTC",), False, 0.5, 0.9, HOSTILE, 0.1)
    mood = changed(posts=(post,) * 30, sources=(SourceNow(HOSTILE, 1, 0.2, NOW),), tiers=((HOSTILE, 3),))
    feeds = (Feed("reddit", "BLOCKED", HOSTILE),)
    rows = drawn(Sentiment(plain_look()), of(mood, feeds), *size)
    assert any("[b]bold[/b]" in row for row in rows)
    for character in "".join(rows):
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
        assert not 0xFE00 <= ord(character) <= 0xFE0F


@given(st.text(max_size=80), st.integers(3, 40), st.booleans())
def test_what_is_cut_fits_and_says_so(text: str, width: int, ascii_only: bool) -> None:
    from rich.cells import cell_len

    look = Look(Palette(FALLBACK), ASCII) if ascii_only else plain_look()
    short = cut(text, width, look)
    whole = cut(text, 400, look)
    assert cell_len(short) <= width
    assert short == whole or (short.endswith("…") and whole.startswith(short[:-1]))
    assert not ascii_only or short.removesuffix("…").isascii()


def test_ascii_is_ascii() -> None:
    for mood in (moods.WHOLE, moods.SYNTHETIC, moods.OTHERS):
        for size in (COMPACT, SOLO, ZOOMED):
            assert "".join(drawn(Sentiment(Look(Palette(FALLBACK), ASCII)), of(mood), *size)).isascii()


# whatever comes


def _random_mood(seed: int) -> SentimentNow:
    """Anything a session, or a stranger's recording, could make of it: missing parts, holes, strange texts."""
    rng = random.Random(seed)

    def maybe(low: float, high: float) -> float | None:
        return None if rng.random() < 0.3 else rng.uniform(low, high)

    def column(low: float, high: float, count: int) -> bytes:
        return np.array(
            [np.nan if rng.random() < 0.1 else rng.uniform(low, high) for _ in range(count)]
        ).tobytes()

    count = rng.choice((0, 1, 2, 30, 719, 720))
    texts = ("", "gm", HOSTILE, "東" * 90, "x" * 300, "\u0301" * 20)
    posts = tuple(
        PostNow(
            NOW - rng.randrange(-5, 90_000) * SECOND, rng.choice(texts), rng.choice(texts),
            rng.choice(((), ("BTC",), ("ETH", "SOL"))), rng.random() < 0.3, maybe(-1, 1), maybe(0, 1),
            rng.choice(("", "embedded", "gateway", "a tier of one's own")), maybe(0, 1),
        )
        for _ in range(rng.choice((0, 1, 7, 200)))
    )  # fmt: skip
    return SentimentNow(
        asset=rng.choice(("BTC", "ETH", "", HOSTILE)), value=maybe(-1, 1), doubt=maybe(0, 3),
        aleatoric=maybe(0, 1), epistemic=maybe(0, 1), disagreement=maybe(0, 1),
        effective_posts=rng.expovariate(0.01), posts_seen=rng.randrange(10_000_000),
        lags=tuple(LagNow(10**rng.uniform(0, 6), maybe(-1, 1), maybe(0, 1)) for _ in range(rng.randrange(4))),
        day=maybe(-1, 1), leader=maybe(-1, 1),
        swing=SwingNow(
            maybe(-100, 100), *(maybe(0, 1) for _ in PARTS), 3.0, tuple(rng.sample(PARTS, rng.randrange(6)))
        ),
        history_ns=5 * SECOND if count else 0, history_end=NOW if count else 0, history=column(-1, 1, count),
        history_doubt=column(0, 1, count), history_aleatoric=column(0, 1, count), posts=posts,
        sources=tuple(
            SourceNow(rng.choice(texts), rng.randrange(10**6), maybe(-1, 1), NOW) for _ in range(rng.randrange(12))
        ),
        tiers=tuple((rng.choice(texts), rng.randrange(10**6)) for _ in range(rng.randrange(4))),
        cost_micro=rng.randrange(10**9), tau_s=maybe(1, 1e6),
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9), st.integers(1, 180), st.integers(1, 60), st.booleans())
def test_anything_is_drawn_within_the_frame(seed: int, width: int, height: int, ascii_only: bool) -> None:
    panel = Sentiment(Look(Palette(FALLBACK), ASCII) if ascii_only else plain_look())
    rows = drawn(panel, of(_random_mood(seed), moods.TROUBLE), width, height)
    assert not any("failed" in row and "panel" in row for row in rows)
    if width > 4 and height > 2:  # else there is no room for a frame
        edge = "|" if ascii_only else "│"
        assert all(row[0] == row[-1] == edge for row in rows[1:-1])


async def test_scrolled_to_a_post_it_stays_put_as_posts_come() -> None:
    panel, mood = Sentiment(plain_look()), moods.WHOLE
    async with on_stage(panel, of(mood), COMPACT):
        panel.action_scroll(30)
        before = [re.sub(r"\b\d+[smhd]\b", "", row) for row in inside(panel)]
        new = PostNow(NOW, "reddit:Bitcoin", "brand new", ("BTC",), False, 0.4, 0.8, "embedded", 0.1)
        panel.show(of(changed(posts=(new, *mood.posts))))
        after = [re.sub(r"\b\d+[smhd]\b", "", row) for row in inside(panel)]
        assert after == before
        panel.action_scroll(-1000)
        assert any("brand new" in row for row in inside(panel))


async def test_what_did_not_change_is_not_drawn_again() -> None:
    panel = Sentiment(plain_look())
    async with on_stage(panel, of(moods.WHOLE), ZOOMED):
        before = [panel.render_line(y) for y in range(ZOOMED[1])]
        panel.show(of(moods.WHOLE))
        assert all(panel.render_line(y) is line for y, line in enumerate(before))
        assert "SSS" in "".join(lines(panel))


async def test_a_better_score_of_a_post_moves_its_dot() -> None:
    """A later tier's word changes neither the history nor the time, but the chart all the same."""
    panel, post = (
        Sentiment(plain_look()),
        PostNow(NOW, "x", "gm", ("BTC",), False, 0.45, 0.9, "embedded", 0.0),
    )
    quiet = changed(posts=(post,))
    async with on_stage(panel, of(quiet), COMPACT):
        first = inside(panel)[:6]
        assert "".join(first).count("●") == 1
        panel.show(of(changed(posts=(msgspec.structs.replace(post, polarity=-0.97, tier="local"),))))
        second = inside(panel)[:6]
        rows = [next(y for y, row in enumerate(some) if "●" in row) for some in (first, second)]
        assert rows[0] < rows[1]
