"""Who hears of a connection that is lost: a market's is told of each time, a text site's once an hour."""

from __future__ import annotations

import io
import json

import pytest

from cli.headless import LinePrinter
from engine.batch import BatchBuilder
from engine.core import State, apply
from engine.events import Alert, FeedStatus, Kind, Setup
from engine.frame.feeds import TEXT_FEEDS
from engine.rules import DEFAULT_RULES, AlertRules

MINUTE = 60_000_000_000


def alerts(state: State, venue: str, minutes: range) -> list[str]:
    """What is told while a connection is refused and answers again, once in each of those minutes."""
    found = []
    for minute in minutes:
        out = BatchBuilder()
        for after, status in ((0, "BACKOFF"), (10, "LIVE")):
            out.add_note(FeedStatus(venue, status, reason="trouble"), (minute * 60 + after) * 1_000_000_000)
        found += [d.text for d in apply(state, out.take())[0] if isinstance(d, Alert)]
    return found


@pytest.mark.parametrize("venue", ["reddit", "news", "fear-greed"])
def test_a_text_site_that_answers_every_other_question_is_told_of_once(venue: str) -> None:
    state = State()
    assert alerts(state, venue, range(1, 200)) == [f"{venue} backoff: trouble"]
    assert len(alerts(state, venue, range(270, 280))) == 1


def test_a_market_that_is_lost_is_told_of_each_time() -> None:
    assert len(alerts(State(), "binance", range(1, 20))) == 18  # it was not there before the first


def test_a_run_without_a_screen_waits_for_the_market_and_not_for_a_text_site() -> None:
    state, out, printed = State(), BatchBuilder(), io.StringIO()
    for venue in (*TEXT_FEEDS, "binance"):
        out.add_note(FeedStatus(venue, "BACKOFF", reason=f"{venue} cannot be reached"), MINUTE)
    out.add(Kind.TICK, MINUTE, symbol=-1)
    apply(state, out.take())
    printer = LinePrinter(5.0, out=printed)
    printer(state, ())
    state.ts += 6_000_000_000
    printer(state, ())
    row = json.loads(printed.getvalue())
    assert (row["exchange"], row["state"], row["reason"]) == (
        "binance",
        "BACKOFF",
        "binance cannot be reached",
    )


def test_who_took_the_rule_away_is_told_of_no_feed() -> None:
    state = State()
    state.setup = Setup(alerts=AlertRules(tuple(r for r in DEFAULT_RULES if r.kind != "feed")))
    assert alerts(state, "binance", range(1, 20)) == []
    assert state.feeds["binance"].state == "LIVE"
