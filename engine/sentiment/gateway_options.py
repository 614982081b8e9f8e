"""What may be said about tier 2, an OpenAI-compatible endpoint. Light: settings read it without the tier."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

CEILING_USD = 5.0  # a UTC month: some twenty thousand posts at the price of a small model
MICRO = 1_000_000  # millionths in a dollar


class Key(msgspec.Struct, frozen=True):
    """An endpoint's key. Never shown."""

    value: str

    def __post_init__(self) -> None:
        # Checked here, because a client's own complaint about a header repeats the header.
        if not self.value or not all("!" <= c <= "~" for c in self.value):
            raise ValueError("expected a key of printable ASCII without spaces, found something else")

    def __repr__(self) -> str:
        return "Key(hidden)"


class GatewayOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where posts are asked about, what that costs, and how patiently it is done. Raises ValueError."""

    url: str  # the part before /chat/completions, such as https://api.openai.com/v1
    model: str
    key: Key | None = None  # an endpoint of one's own may need none
    ceiling_usd: float = CEILING_USD
    price_in_usd: float | None = (
        None  # a million tokens; None: nothing on this machine, elsewhere to be named
    )
    price_out_usd: float | None = None
    plain_http: bool = False  # allow http:// to other machines: posts and key can be read on the way
    posts: int = 8  # asked about in one request
    at_once: int = 4  # requests
    samples: int = 1  # answers a post; several show the model's own doubt and cost as much more
    deadline_s: float = 20.0  # for a request with all its retries
    attempts: int = 4

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected an address that begins with http:// or https://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "url: expected no user, password, query or fragment in it; the key has its own place"
            )
        if parts.scheme == "http" and not (self.here or self.plain_http):
            raise ValueError(
                f"url: expected https:// for {parts.hostname}, found http://: posts and key could be read on the "
                "way; plain_http = true allows it"
            )
        if not self.model:
            raise ValueError("model: expected the name of a model that the endpoint has, found none")
        if not self.here and (self.price_in_usd is None or self.price_out_usd is None):
            raise ValueError(
                "price_in_usd, price_out_usd: expected what a million tokens cost, found none; without them no "
                "ceiling can be kept (0 for a machine of your own)"
            )
        for name in ("ceiling_usd", "price_in_usd", "price_out_usd"):
            if not 0 <= (getattr(self, name) or 0.0) <= 1e6:
                raise ValueError(f"{name}: expected dollars from 0 to a million, found {getattr(self, name)}")
        for name, most in (("posts", 32), ("at_once", 32), ("samples", 8), ("attempts", 10)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected 1 to {most}, found {getattr(self, name)}")
        if not 0.01 <= self.deadline_s <= 600:
            raise ValueError(f"deadline_s: expected 0.01 to 600 seconds, found {self.deadline_s}")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def here(self) -> bool:
        """Whether the endpoint is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def endpoint(self) -> str:
        return self.url.rstrip("/") + "/chat/completions"

    @property
    def ceiling_micro(self) -> int:
        return int(self.ceiling_usd * MICRO)

    def cost_micro(self, tokens_in: int, tokens_out: int) -> int:
        """Millionths of a dollar, rounded up.

        >>> GatewayOptions("https://a.b/v1", "m", price_in_usd=0.15, price_out_usd=0.6).cost_micro(1000, 10)
        156
        """
        # Integers: a dollar a million tokens is a millionth a token, so prices are held in millionths of those.
        price_in, price_out = (round((p or 0.0) * MICRO) for p in (self.price_in_usd, self.price_out_usd))
        return -(-(tokens_in * price_in + tokens_out * price_out) // MICRO)
