"""Which endpoints answer and how fast, and what their clocks say of ours: all asked at once, for a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cli.doctor_clock import clock_findings
from cli.doctor_report import FAULT, HINT, OK, Finding

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.feeds.probe import Probed

AREA = "network"
WAIT_S = 3.0  # for each endpoint, and they are asked side by side
_SLOW_MS = 1000.0
_BESIDE = {"text": "sources", "chain": "chain"}  # what is no market, and the table that switches it
# Where a venue tells its time: the smallest answer that each has. Others are asked for their first page.
_TIME_AT = {
    "binance": "/api/v3/time",
    "binance-usdm": "/fapi/v1/time",
    "coinbase": "/api/v3/brokerage/time",
    "kraken": "/0/public/Time",
}


class Asked(NamedTuple):
    """An endpoint: whose it is, what it is for, and the address that is asked."""

    venue: str
    kind: str  # REST, WebSocket, text, chain
    url: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything of the network. Takes `WAIT_S` and a little, however many endpoints hang."""
    asked = endpoints(settings)
    answers = asyncio.run(_probe_all(asked, settings.sources.user_agent))
    yield from judge(list(zip(asked, answers, strict=True)))
    yield from clock_findings([answer for answer in answers if answer.answered_ns])


def endpoints(settings: Settings) -> list[Asked]:
    """Those of every venue, and of the text sources and chains that are on."""
    from engine.feeds.venues import VENUES

    found: list[Asked] = []
    for name, info in VENUES.items():
        part = getattr(settings.venues, info.setting)
        found += [Asked(name, "REST", url.rstrip("/") + _TIME_AT.get(name, "/")) for url in part.rest]
        path = info.protocol().paths[0]
        found += [Asked(name, "WebSocket", url.rstrip("/") + path) for url in part.ws]
    return [*found, *_text(settings), *_chains(settings)]


def _text(settings: Settings) -> Iterator[Asked]:
    options = settings.text_options()
    if not settings.sources.on:
        return
    if options.subreddits:
        yield Asked("reddit", "text", f"{options.reddit.rstrip('/')}/r/{options.subreddits[0]}/new/.rss")
    for url in options.news:
        yield Asked("news", "text", url)
    if options.fear_greed:
        yield Asked("fear-greed", "text", options.fear_greed)


def _chains(settings: Settings) -> Iterator[Asked]:
    chain = settings.chain
    for name, url in (("blockchain", chain.blockchain), ("mempool", chain.mempool)):
        if chain.on and url:
            yield Asked(name, "chain", url)


async def _probe_all(asked: Sequence[Asked], agent: str) -> list[Probed]:
    from engine.feeds.driver import Internet
    from engine.feeds.probe import patience, probe_rest, probe_socket

    internet = Internet(patience(WAIT_S))
    try:
        return await asyncio.gather(
            *(
                probe_socket(internet, one.url, WAIT_S)
                if one.url.startswith("ws")
                else probe_rest(internet, one.url, WAIT_S, agent if one.kind == "text" else "")
                for one in asked
            )
        )
    finally:
        await internet.close()


def judge(answers: Sequence[tuple[Asked, Probed]]) -> Iterator[Finding]:
    """One line an endpoint. A venue's next endpoint takes over from one that fails; a fault is where none is left."""
    good = {(asked.venue, asked.kind) for asked, answer in answers if not answer.reason}
    venues = {asked.venue for asked, _ in answers if asked.kind not in _BESIDE}
    whole = [venue for venue in venues if {(venue, "REST"), (venue, "WebSocket")} <= good]
    for asked, answer in answers:
        what = f"{asked.venue} {asked.kind}"
        found, facts = f"{shown_url(asked.url)}: {timing(answer)}", _facts(answer)
        if not answer.reason:
            slow = (answer.first_byte_ms or 0.0) > _SLOW_MS
            advice = "slow: latency on the screen will show it" if slow else ""
            yield Finding(AREA, what, HINT if slow else OK, found, advice, facts)
            continue
        found = f"{shown_url(asked.url)}: {answer.reason}"
        if asked.kind in _BESIDE:
            advice = f"the market is watched without it; {_BESIDE[asked.kind]}.on = false asks nobody"
            yield Finding(AREA, what, HINT, found, advice, facts)
        elif (asked.venue, asked.kind) in good:
            yield Finding(AREA, what, HINT, found, "another endpoint of the venue answers and is used", facts)
        elif whole:
            advice = f"this venue cannot be watched from here; {' and '.join(sorted(whole))} can (--venue)"
            yield Finding(AREA, what, HINT, found, advice, facts)
        else:
            yield Finding(AREA, what, FAULT, found, _advice(asked, answer), facts)


def _advice(asked: Asked, answer: Probed) -> str:
    if answer.status in (403, 451):
        return "the venue refuses this place: name another endpoint or venue in the settings"
    if "certificate" in answer.reason:
        return "check the clock, and SSL_CERT_FILE if a proxy signs its own"
    setting = f"venues.{asked.venue.replace('-', '_')}.{'rest' if asked.kind == 'REST' else 'ws'}"
    return f"check network, firewall and proxy, or set {setting}; microtui exchange needs none"


def timing(answer: Probed) -> str:
    """The steps that were seen, in ms.

    >>> from engine.feeds.probe import Probed
    >>> timing(Probed("wss://x", dns_ms=3.2, first_byte_ms=48.0))
    'name 3 ms, opened 48 ms'
    """
    last = "first byte" if answer.status else "opened"
    steps = (
        ("name", answer.dns_ms),
        ("TCP", answer.tcp_ms),
        ("TLS", answer.tls_ms),
        (last, answer.first_byte_ms),
    )
    return ", ".join(f"{name} {ms:.0f} ms" for name, ms in steps if ms is not None)


def shown_url(url: str) -> str:
    from engine.feeds.raw import without_secrets

    return without_secrets(url)


def _facts(answer: Probed) -> dict[str, object]:
    return {
        "url": shown_url(answer.url),
        "status": answer.status or None,
        "dns_ms": _round(answer.dns_ms),
        "tcp_ms": _round(answer.tcp_ms),
        "tls_ms": _round(answer.tls_ms),
        "first_byte_ms": _round(answer.first_byte_ms),
    }


def _round(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
