"""A second connection takes over that has not told every book yet: a book that stands still does not look well."""

from __future__ import annotations

import pytest
from fakes.venues import STREAMED, lines, play

from engine.feeds import fake_faults as ff
from engine.feeds.fake_session import FakeSession


@pytest.mark.parametrize("venue", STREAMED)
def test_a_book_that_the_second_line_has_not_told_is_stale_until_it_is(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one, other = live[venue, "BTC"], live[venue, "ETH"]
        live.exchanges[venue].faults.add(ff.OnRequest(ff.HANG, symbol=one.symbol))
        await live.until(
            lambda: any("handed over" in status.reason for status in live.connection(venue)), "it takes over"
        )
        await live.run(0.5)
        assert (one.state, other.state) == ("STALE", "SYNCED")
        await live.caught_up()
        assert one.snapshots == other.snapshots == lines(live, venue) == 2

    play(story, venue, bases=("BTC", "ETH"), rate=0.25, seed=5, renew_after_s=30.0)
