"""What reads posts beside a market: the sources and tiers that the settings name, with what a user trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cli import paths
from cli.text import text_source

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.frame.host import Host
    from engine.market.source import SimSource
    from engine.ports import Clock
    from engine.sentiment.authors import Authors
    from engine.sentiment.bots import Bots
    from engine.sentiment.embedded import Embedded
    from engine.sentiment.gateway import Gateway
    from engine.sentiment.router import Router
    from engine.sentiment.service import Reading
    from engine.sentiment.synthetic import SyntheticPosts
    from engine.sentiment.worker import Worker

Say = Callable[[str], None]


class Texts:
    """What reads and scores posts beside one live session: a producer, what runs beside it, and how it is doing."""

    def __init__(self, reading: Reading, router: Router, local: Worker | None, paid: Gateway | None) -> None:
        self.reading = reading
        self._router, self._local, self._paid = router, local, paid

    async def run(self) -> None:
        """As long as the session does; the model's process and open connections end with it."""
        try:
            await self.reading.run()
        finally:
            await self._router.close()

    def tell(self, host: Host) -> Host:
        """The host's side of a frame with the tiers' state and spend in it."""
        import msgspec

        from engine.frame.host import Tiers

        local, paid = self._local, self._paid
        tiers = Tiers(
            local=local.state if local is not None else "",
            gateway=paid.state if paid is not None else "",
            spent_micro=paid.purse.spent_micro if paid is not None else None,
            ceiling_micro=paid.purse.ceiling_micro if paid is not None else None,
        )
        return msgspec.structs.replace(host, tiers=tiers)


def texts(settings: Settings, clock: Clock, say: Say) -> Texts | None:
    """None where the settings switch text off."""
    from cli.gateway import gateway
    from engine.sentiment.local_options import installed
    from engine.sentiment.router import Router
    from engine.sentiment.service import Reading
    from engine.sentiment.worker import Worker

    known = authors()
    source = text_source(settings, clock, say, known)
    if source is None:
        return None
    first, model = first_tier(say)
    local = Worker(settings.local_options()) if settings.sentiment.local.on and installed() else None
    paid = gateway(settings)
    router = Router(local, paid)
    judges = bots(say, known)
    reading = Reading(
        first, model=model, judge=judges.judge, again=judges.again, upper=router, source=source.run
    )
    known.listener = reading.known
    return Texts(reading, router, local, paid)


def authors() -> Authors:
    """What is known of who writes, from earlier sessions too."""
    from engine.sentiment.authors import Authors
    from store.authors import AuthorShelf

    return Authors(AuthorShelf(paths.state_database()))


def synthetic(source: SimSource) -> SyntheticPosts:
    """Made-up posts for a simulated market, scored by what ships, so that equal seeds say the same anywhere."""
    from engine.market.state import MOOD
    from engine.sentiment.embedded import load
    from engine.sentiment.service import Reading
    from engine.sentiment.synthetic import SyntheticPosts

    def mood() -> float:
        return float(source.market.shared[MOOD])

    world = source.scenario.world
    hear = source.hear if world.hears == "posts" else None
    return SyntheticPosts(Reading(load()), mood, source.seed, hear, world.doubt)


def first_tier(say: Say) -> tuple[Embedded, str]:
    """The embedded tier over the user's own weights, or, where those are unfit, over the ones that ship."""
    from engine.sentiment.embedded import load
    from engine.sentiment.weights import BadWeights

    own = paths.sentiment_weights()
    if own.exists():
        try:
            return load(own), "own weights"
        except BadWeights as error:
            say(f"your own sentiment weights are left out: {error}")
    return load(), "shipped"


def bots(say: Say, known: Authors) -> Bots:
    """Who judges whether a person wrote a post: by the user's own card, or by the one that ships."""
    from engine.sentiment.bots import BadModel, Bots, read_model

    own = paths.bots_model()
    if own.exists():
        try:
            return Bots(read_model(own), known.account)
        except BadModel as error:
            say(f"your own model of bots is left out: {error}")
    return Bots(account=known.account)
