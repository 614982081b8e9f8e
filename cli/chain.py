"""What watches public chains beside a live session, where the settings say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cli import paths

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.feeds.chain_addresses import Addresses
    from engine.feeds.chain_reading import ChainReading
    from engine.ports import Clock


def own_addresses() -> Path:
    """The person's own list of exchanges' addresses."""
    return paths.config_folder() / "addresses.toml"


def chain_reading(settings: Settings, clock: Clock, say: Callable[[str], None]) -> ChainReading | None:
    """For one live session: `producers` take it, and its `run` stands `beside`. None where nobody asked for it."""
    if not settings.chain.on:
        return None
    from engine.feeds.chain_reading import ChainReading
    from engine.feeds.chain_source import ChainSource

    source = ChainSource(settings.chain.options(), addresses(say), clock)
    return ChainReading(source.run)


def addresses(say: Callable[[str], None]) -> Addresses:
    """The list that ships, with the person's own over it, or without where that cannot be used."""
    from engine.feeds.chain_addresses import Addresses, BadAddresses, read_addresses, shipped

    file = own_addresses()
    try:
        return Addresses(shipped(), read_addresses(file))
    except FileNotFoundError:
        return Addresses(shipped())
    except (BadAddresses, OSError) as error:
        say(f"your own list of addresses is left out: {error}")
        return Addresses(shipped())
