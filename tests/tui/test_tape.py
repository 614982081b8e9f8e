"""The tape, read back and compared with the prints it was given."""

import frames
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import drawn

from engine.frame.symbol import Print
from tui.look import plain_look
from tui.panels.tape import Tape

LOOK = plain_look()
PRINTS = st.builds(
    Print,
    st.integers(frames.NOW - 10**12, frames.NOW),
    st.integers(1, 10**8),
    st.integers(1, 10**9),
    st.sampled_from([-1, 1]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PRINTS, min_size=1, max_size=40))
def test_each_row_is_one_print_newest_first(prints: list[Print]) -> None:
    frame = frames._with_detail(frames.live(), tape=tuple(prints))
    lines = [line[2:-2] for line in drawn(Tape(LOOK), frame, 70, 14)[1:-1]]
    for line, one in zip(lines, prints, strict=False):
        assert line[0] == ("▲" if one.side > 0 else "▼")
        body = line.replace(" ", "")
        assert body[1:].startswith(frames.BTC.tick.text_of(one.ticks))
        seconds = one.ts // 10**9 % 86_400
        assert f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" in line
    assert sum(bool(line.strip()) for line in lines) == min(len(prints), 12)


def test_no_trades_yet() -> None:
    lines = drawn(Tape(LOOK), frames.empty(), 40, 10)
    assert "no trades yet" in lines[1]


def test_a_large_trade_is_bold() -> None:
    tape = Tape(LOOK)
    lines = drawn(tape, frames.live(), 40, 30)
    large = [y for y, line in enumerate(lines) if "1.2500" in line]
    bold = [
        y
        for y in range(1, 29)
        if LOOK.palette.bright in [part.style for part in tape.render_line(y) if part.text.strip()]
    ]
    assert large == bold
    assert large


def test_any_size() -> None:
    for width, height in ((3, 3), (10, 4), (24, 8), (160, 50)):
        drawn(Tape(LOOK), frames.live(), width, height)
