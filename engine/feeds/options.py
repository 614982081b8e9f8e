"""Where a venue is and how patiently it is asked: every number of a live feed, with its origin.

The defaults are those of Binance's spot market; other venues give theirs beside their protocol.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class FeedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Endpoints are tried in order; an endpoint that refuses for good is left for the next."""

    # https://developers.binance.com/docs/binance-spot-api-docs: the second of each serves market data only
    rest: tuple[str, ...] = ("https://api.binance.com", "https://data-api.binance.vision")
    ws: tuple[str, ...] = ("wss://stream.binance.com:9443", "wss://data-stream.binance.vision")

    depth_limit: int = 5000  # levels a side; 1,000 while the weight budget is short
    weight_limit: int = 6000  # a minute and address, unless exchangeInfo says otherwise
    weight_share: float = 0.8  # of the limit that we allow ourselves: others may share the address

    max_frame_bytes: int = 16 * 2**20  # the largest real snapshot frame seen is 5 MB (Coinbase)
    max_held_diffs: int = 5000  # kept while a snapshot is on its way; 500 s of depth@100ms
    max_inbox_bytes: int = 64 * 2**20  # received and not yet folded; beyond it the feed resyncs

    connect_timeout_s: float = 10.0
    request_timeout_s: float = 15.0
    ping_every_s: float = 10.0  # ours; the exchange pings every 20 s and wants an answer in a minute
    send_gap_s: float = 0.3  # five inbound messages a second are allowed, pings included
    connect_gap_s: float = 1.0  # 300 attempts in five minutes are allowed

    first_data_s: float = 10.0  # after the subscription was acknowledged
    stale_s: float = 5.0  # silence of a stream that usually speaks; never less than this
    stale_gaps: float = 20.0  # … and never less than so many of its usual gaps
    unanswered_s: float = 5.0  # from stale to resubscribe, from resubscribe to reconnect

    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0
    steady_s: float = 60.0  # of LIVE after which the backoff starts anew
    firewall_wait_s: float = 300.0  # after a 403, whose rule works in five-minute windows
    tries_an_endpoint: int = 3  # failures in a row before the next endpoint has its turn

    renew_after_s: float = 23.5 * 3600  # the exchange closes a connection after 24 h
    hand_over_s: float = 20.0  # for which the old and the new connection may overlap
    status_every_s: float = 300.0  # how often the venue's trading status is asked for

    def __post_init__(self) -> None:
        for name, schemes in (("rest", ("http://", "https://")), ("ws", ("ws://", "wss://"))):
            urls = getattr(self, name)
            if not urls:
                raise ValueError(f"{name} needs at least one endpoint, such as {schemes[1]}host:port")
            for url in urls:
                if not url.startswith(schemes):
                    raise ValueError(f"{name} endpoints start with {' or '.join(schemes)}, found {url!r}")
                if not _names_a_host(url):
                    raise ValueError(f"{name} endpoints are such as {schemes[1]}host:port, found {url!r}")


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and bool(parts.netloc.encode("idna"))
    except ValueError:  # also what idna raises
        return False
