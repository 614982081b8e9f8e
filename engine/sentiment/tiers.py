"""Which tiers there are, and how one is opened by name. Only the embedded one is loaded without being asked for.

The local tier's module offers `open_tier(options=…) -> Tier`, with options that it does without as well, and raises
`TierMissing` where it cannot work on this machine. It is imported when it is asked for, so that a missing extra costs
nobody anything. The gateway answers some posts only, so as a tier it stands on the embedded one.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.sentiment import embedded
from engine.sentiment.scores import Tier

NAMES = ("embedded", "local", "gateway", "auto")
# By a tier's name: `LocalOptions`, or None where `auto` does without; a function that makes the `Gateway`, or None.
Options = Mapping[str, Any]
_NONE: Options = MappingProxyType({})


class TierMissing(ValueError):
    """A tier that cannot be used here; says what it needs."""

    for_people = True


def open_tier(name: str, weights: Path | None = None, options: Options = _NONE) -> Tier:
    """The tier of that name; `weights` are the embedded one's, where they are not those that ship; `options` those of
    the higher tiers.

    Raises TierMissing, and `weights.BadWeights` for a file that cannot be used.
    """
    if name == "embedded":
        return embedded.load(weights)
    if name == "local":
        return _local(options)
    if name not in NAMES:
        raise TierMissing(f"expected a tier of {', '.join(NAMES)}, found {name}")
    from engine.sentiment.router import Here, Routed, Router

    gateway = options["gateway"]() if "gateway" in options else None
    if name == "gateway":
        if gateway is None:
            raise TierMissing(
                "the gateway tier needs the URL of an OpenAI-compatible endpoint in the settings, as in "
                'sentiment.gateway.url = "https://api.openai.com/v1", with its model, prices and key'
            )
        return Routed(name, embedded.load(weights), Router(gateway=gateway, everything=True))
    local = None
    if options.get("local", _NONE) is not None:
        with contextlib.suppress(TierMissing):
            local = Here(_local(options))
    return Routed(name, embedded.load(weights), Router(local, gateway))


def _local(options: Options) -> Tier:
    given = {"options": options["local"]} if "local" in options else {}
    try:
        tier: Tier = importlib.import_module("engine.sentiment.local").open_tier(**given)
    except ImportError as error:
        raise TierMissing(
            f"the local tier needs the models extra: pip install 'microtui[models]' (found: {error})"
        ) from None
    return tier
