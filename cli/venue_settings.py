"""Settings of the venues: where each is asked, how deep, and what trading there costs you."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from engine.feeds.options import FeedOptions
from engine.feeds.venues import VENUES, VenueInfo


def listed(value: Any) -> Any:
    """One or several: text, as flags and the environment give it, is what stands between its commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _depth(levels: int) -> int:
    if levels and not 10 <= levels <= 5000:
        raise ValueError(
            f"expected 10 to 5,000 levels a side, or 0 for all that the venue gives, found {levels}"
        )
    return levels


Rest = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
Ws = Annotated[str, Field(pattern=r"^wss?://[^\s/]+")]


Rests = Annotated[list[Rest], BeforeValidator(listed), Field(min_length=1)]
Sockets = Annotated[list[Ws], BeforeValidator(listed), Field(min_length=1)]
Depth = Annotated[int, AfterValidator(_depth)]
Fee = Annotated[float, Field(ge=-100, le=1000)]


class VenueSettings(BaseModel):
    """`depth_limit`: levels a side; `taker_bps`: the fee of taking, which gaps between venues are counted after.

    Each venue's own model has its defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rest: Rests
    ws: Sockets
    depth_limit: Depth
    taker_bps: Fee


def _of(info: VenueInfo) -> tuple[type[VenueSettings], VenueSettings]:
    options = info.options
    model = create_model(
        info.setting,
        __base__=VenueSettings,
        rest=(Rests, list(options.rest)),
        ws=(Sockets, list(options.ws)),
        depth_limit=(Depth, options.depth_limit),
        taker_bps=(Fee, info.taker_bps),
    )
    return model, model.model_validate({})


class _VenuesBase(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def of(self, info: VenueInfo) -> VenueSettings:
        found: VenueSettings = getattr(self, info.setting)
        return found

    def feed_options(self, info: VenueInfo) -> FeedOptions:
        """The venue's own limits, where these settings say it is asked."""
        chosen, options = self.of(info), info.options
        return msgspec.structs.replace(
            options, rest=tuple(chosen.rest), ws=tuple(chosen.ws), depth_limit=chosen.depth_limit
        )


if TYPE_CHECKING:

    class Venues(_VenuesBase):
        """A field for each venue of the registry."""

else:
    Venues = create_model(
        "Venues", __base__=_VenuesBase, **{info.setting: _of(info) for info in VENUES.values()}
    )
