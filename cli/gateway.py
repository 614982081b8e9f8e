"""The paid tier of sentiment that the settings name, with the purse that all runs on this machine share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.sentiment.gateway import Gateway


def gateway(settings: Settings) -> Gateway | None:
    """None where the settings name no endpoint. Nothing is opened before the first post goes up."""
    options = settings.sentiment.gateway.options()
    if options is None:
        return None
    from cli import paths
    from engine.sentiment.gateway import Gateway
    from store.spend import Spend

    return Gateway(options, Spend(paths.state_database(), options.ceiling_micro))
