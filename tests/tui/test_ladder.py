"""The ladder, read back from its text and compared with the book it was given."""

import frames
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import drawn

from engine.frame import Frame, Market, View
from engine.frame.symbol import Band, Detail, Features, Level, Line, Print, Top
from engine.instrument import Instrument
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.ladder import Ladder

WIDTH, HEIGHT = 46, 46
LOOK = plain_look()
INSTRUMENTS = [
    frames.BTC,
    Instrument("binance", "SHIBUSDT", "SHIB", "USDT", "0.00000001", "1"),
    Instrument("binance", "ABC", "ABC", "USD", "0.5", "0.1"),
    Instrument("bitmex", "XBTUSD", "XBT", "USD", "25", "100", "inverse"),
]


def rows(lines: list[str]) -> list[str]:
    """The lines between the frames, without them."""
    return [line[2:-2] for line in lines[1:-1]]


@st.composite
def books(draw: st.DrawFn) -> Frame:
    """A grouped book of any instrument, either side possibly empty."""
    instrument = draw(st.sampled_from(INSTRUMENTS))
    group = draw(st.sampled_from([1, 2, 5, 10, 1000]))
    mid = draw(st.integers(100, 10**6)) * group
    sides = []
    for step in (-group, group):
        gaps = draw(st.lists(st.integers(1, 9), max_size=30))
        price, total, levels = mid, 0, []
        for gap in gaps:
            price += step * gap
            if price <= 0:
                break
            lots = draw(st.integers(1, 10**9))
            total += lots
            levels.append(Level(price, lots, total))
        sides.append(tuple(levels))
    detail = Detail(bids=sides[0], asks=sides[1], group_ticks=group)
    line = Line(instrument=instrument, state="SYNCED", connection="LIVE")
    return Frame(Market(seq=1, ts=1, lines=(line,), detail=detail))


@settings(max_examples=60, deadline=None)
@given(books(), st.integers(24, 90), st.integers(8, 60))
def test_every_row_says_the_books_price_in_order(frame: Frame, width: int, height: int) -> None:
    ladder = Ladder(LOOK)
    text = rows(drawn(ladder, frame, width, height))
    detail, tick = frame.market.detail, frame.market.lines[0].instrument.tick
    count = ladder.wants(View()).ladder_rows
    shown = [*reversed(detail.asks[:count]), *detail.bids[:count]]
    wide = max([9, *(len(_grouped(tick.text_of(level.ticks))) for level in shown)])
    prices = [row[:wide].replace(" ", "") for row in text[1 : 2 * count + 2]]
    book = [p for p in (*prices[:count], *prices[count + 1 :]) if p]
    assert book == [tick.text_of(level.ticks) for level in shown]


def _grouped(text: str) -> str:
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}".replace(",", " ") + point + rest


@settings(max_examples=60, deadline=None)
@given(books())
def test_bars_keep_the_order_of_the_sizes(frame: Frame) -> None:
    ladder = Ladder(LOOK)
    text = rows(drawn(ladder, frame, 80, HEIGHT))
    count = ladder.wants(View()).ladder_rows
    bids = frame.market.detail.bids[:count]
    bars = [sum("▏▎▍▌▋▊▉█".find(c) + 1 for c in row[30:]) for row in text[count + 2 : count + 2 + len(bids)]]
    for one, bar in zip(bids, bars, strict=True):
        for other, other_bar in zip(bids, bars, strict=True):
            if one.lots <= other.lots:
                assert bar <= other_bar


def test_the_picture_of_a_good_book() -> None:
    text = rows(drawn(Ladder(LOOK), frames.live(View(ladder_rows=18)), WIDTH, HEIGHT))
    assert text[0].split() == ["price", "size", "Σ"]
    assert text[18].split()[:4] == ["61", "694.00", "3.235", "3.24"]
    assert "▲ 61 693.73  1 tick · 0.0016 bp" in text[19]
    assert text[20].split()[:4] == ["61", "693.00", "1.304", "1.30"]
    assert text[9].split()[:4] == ["61", "703.00", "<.001", "7.26"]
    sums = "\n".join(text[-4:])
    assert "±24.3 bp    23.41 ━━━━━━━━━━━━━━━━ 46.12" in sums
    assert "ratio        0.51   imbalance −0.33" in sums
    assert "micro   61 693.73   OFI 1 s −0.82" in sums
    assert "round trip 1 BTC  0.014 bp" in sums


def test_the_balance_bar_is_the_imbalance() -> None:
    ladder = Ladder(LOOK)
    drawn(ladder, frames.live(View(ladder_rows=18)), WIDTH, HEIGHT)
    (line,) = [line for line in (ladder.render_line(y) for y in range(HEIGHT)) if "━" in line.text]
    parts = [part for part in line if "━" in part.text]
    bid, ask = (len(part.text.strip()) for part in parts)
    assert bid / (bid + ask) == pytest.approx(23.41 / (23.41 + 46.12), abs=1 / 16)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (frames.stale, "stale: no update for 6.2 s"),
        (frames.resyncing, "gap, resyncing: expected update"),
        (frames.crossed, "crossed, resyncing: bid 61 695.00"),
    ],
)
def test_a_book_in_doubt_is_grey_and_says_why(make: object, said: str) -> None:
    ladder = Ladder(LOOK)
    text = rows(drawn(ladder, make(View(ladder_rows=18)), WIDTH, HEIGHT))  # type: ignore[operator]
    assert said in text[19]
    palette = LOOK.palette
    allowed = {
        palette.dim,
        palette.faint,
        palette.warning_bright,
        palette.border,
        palette.text,
        palette.title,
    }
    for y in range(1, HEIGHT - 1):
        for part in ladder.render_line(y):
            assert part.style in allowed, part
            assert part.style != palette.text or not part.text.strip()


@pytest.mark.parametrize(("side", "row"), [(1, 18), (-1, 20)])
def test_the_row_just_traded_at_stands_out_and_no_other(side: int, row: int) -> None:
    frame = frames.live(View(ladder_rows=18))
    last = Print(frame.market.ts, 6_169_373 if side > 0 else 6_169_312, 5, side)
    ladder = Ladder(LOOK)
    drawn(ladder, frames._with_detail(frame, last=last), WIDTH, HEIGHT)
    flashes = {LOOK.palette.bid_flash, LOOK.palette.ask_flash}
    lit = [y for y in range(HEIGHT) if any(part.style in flashes for part in ladder.render_line(y))]
    assert lit == [row + 1]


def test_an_old_trade_does_not_stand_out() -> None:
    frame = frames.live(View(ladder_rows=18))
    last = Print(frame.market.ts - 600_000_000, 6_169_373, 5, 1)
    ladder = Ladder(LOOK)
    drawn(ladder, frames._with_detail(frame, last=last), WIDTH, HEIGHT)
    flashes = {LOOK.palette.bid_flash, LOOK.palette.ask_flash}
    assert not any(part.style in flashes for y in range(HEIGHT) for part in ladder.render_line(y))


def test_rows_beyond_what_is_known_are_faint() -> None:
    frame = frames._with_detail(frames.live(View(ladder_rows=18)), known_low_ticks=6_168_000, last=None)
    ladder = Ladder(LOOK)
    lines = drawn(ladder, frame, WIDTH, HEIGHT)
    known, unknown = (
        next(ladder.render_line(y) for y, line in enumerate(lines) if price in line)
        for price in ("61 680.00", "61 678.00")
    )
    assert LOOK.palette.bid in [part.style for part in known][:2]
    assert LOOK.palette.faint in [part.style for part in unknown][:2]


def test_a_row_without_orders_has_a_price_and_nothing_else() -> None:
    frame = frames.live(View(ladder_rows=18))
    bids = list(frame.market.detail.bids)
    bids[2] = Level(bids[2].ticks, 0, bids[1].total_lots)
    text = rows(drawn(Ladder(LOOK), frames._with_detail(frame, bids=tuple(bids)), WIDTH, HEIGHT))
    assert text[22].strip() == "61 691.00"


def test_one_side_missing_and_nothing_at_all() -> None:
    text = "\n".join(rows(drawn(Ladder(LOOK), frames.one_sided(View(ladder_rows=18)), WIDTH, HEIGHT)))
    assert "no asks" in text
    assert "61 693.00" in text
    assert "61 694.00" not in text
    assert "imbalance –" in text
    text = "\n".join(rows(drawn(Ladder(LOOK), frames.empty(), WIDTH, HEIGHT)))
    assert "waiting for the snapshot" in text
    assert "0.00" not in text


def test_only_rows_that_changed_are_repainted() -> None:
    ladder = Ladder(LOOK)
    frame = frames.live(View(ladder_rows=18))
    drawn(ladder, frame, WIDTH, HEIGHT)
    before = [ladder.render_line(y) for y in range(HEIGHT)]
    bids = list(frame.market.detail.bids)
    bids[3] = Level(bids[3].ticks, bids[3].lots + 10_000, bids[3].total_lots)
    drawn(ladder, frames._with_detail(frame, bids=tuple(bids)), WIDTH, HEIGHT)
    changed = [y for y in range(HEIGHT) if ladder.render_line(y) is not before[y]]
    assert changed == [1 + 20 + 3]


@pytest.mark.parametrize(("width", "height"), [(24, 8), (30, 10), (46, 46), (12, 5), (160, 60)])
def test_any_size(width: int, height: int) -> None:
    for make in (frames.live, frames.one_sided, frames.empty, frames.stale):
        drawn(Ladder(LOOK), make(View(ladder_rows=60)), width, height)


def test_in_ascii_there_is_nothing_else() -> None:
    look = Look(LOOK.palette, ASCII)
    for make in (frames.live, frames.stale, frames.one_sided):
        for line in drawn(Ladder(look), make(View(ladder_rows=18)), WIDTH, HEIGHT):
            assert line.isascii(), line


def test_a_wider_band_and_larger_numbers_still_fit() -> None:
    features = msgspec.structs.replace(
        frames.FEATURES,
        bands=(Band(100.0, 100.0, 1_234_567.8, 98.7, 12_508.3, 0.99),),
        round_trip_bps=None,
        spread_ticks=1200,
        spread_bps=123.456,
    )
    frame = frames._with_detail(frames.live(View(ladder_rows=18)), features=features)
    text = "\n".join(rows(drawn(Ladder(LOOK), frame, 60, HEIGHT)))
    assert "±1 %" in text
    assert "1 200 ticks · 123 bp" in text
    assert "round trip 1 BTC  – bp" in text


def test_missing_features_are_drawn_as_missing() -> None:
    frame = frames._with_detail(frames.live(View(ladder_rows=18)), features=Features())
    text = rows(drawn(Ladder(LOOK), frame, WIDTH, HEIGHT))
    assert [row.split()[-1] for row in text[-3:-1]] == ["–", "–"]
    assert Top() == frames.empty().market.lines[0].top
