"""On-chain: large transfers on public chains, newest first, and what they took to and from known exchanges."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.chain import ChainNow, FlowNow, TransferNow
from engine.text import clean
from tui.format import MISSING, size
from tui.panels.base import Row
from tui.panels.posts import age
from tui.panels.scroll import ScrollPanel, wrapped

_WIDE = 56  # cells from which a transfer's worth stands beside its amount
_LABEL, _NUMBER = 9, 9  # cells of a flow's name, and of each of its numbers
_LEAST = 7  # of a number, where there is little room
_AGE, _AMOUNT, _WORTH = 5, 14, 10


class Chain(ScrollPanel):
    """Sources in trouble, flows by asset and window, the transfers."""

    title = "chain"
    key = "0"
    place = "below"
    rate_hz = 1.0
    help = (
        "Large transfers on public chains. Flows: what they took to known exchanges (in) and from them (out), in the "
        "asset's unit, over the last 10 minutes, hour and day of this session.\n"
        "Each transfer: how long ago, amount, its worth at this session's price, from whom to whom. Only addresses "
        "on a short list of exchanges have names, so flows are lower bounds; of bitcoin the amount is an upper one, "
        "since change to a fresh address looks like a payment. ○ waits for a block, ✓ is in one. What was replaced "
        "before a block took it is taken off.\n"
        "Coins that go to exchanges (▼) may be sold there; coins that leave (▲) are put away. Arrow keys and the "
        "wheel scroll; z zooms."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.chain is not None

    def draw(self, frame: Frame) -> None:
        known = frame.market.chain or ChainNow()
        self._say_net(frame, known)
        rows = self._trouble(known)
        if not known.transfers:
            said = "no large transfer yet" if known.feeds else "no chain is watched"
            rows.append([Segment(said, self.look.palette.dim)])
        rows += self._flows(known)
        rows += [self._transfer(transfer, frame.market.ts) for transfer in known.transfers]
        if known.replaced:
            rows.append(
                [Segment(f"{known.replaced} replaced before a block took them", self.look.palette.dim)]
            )
        self.put_scrolled(rows)

    def _say_net(self, frame: Frame, known: ChainNow) -> None:
        """What the last hour took to or from exchanges, of the chosen symbol's asset."""
        market, palette, glyphs = frame.market, self.look.palette, self.look.glyphs
        asset = market.lines[market.symbol].instrument.base if market.symbol < len(market.lines) else ""
        hour = next((f for f in known.flows if f.asset == asset and f.window_s == 3600), None)
        if hour is None or not hour.into + hour.out:
            self.put_head([])
            return
        net = hour.out - hour.into
        mark, style = (glyphs.rise, palette.bid) if net >= 0 else (glyphs.fall, palette.ask)
        self.put_head([Segment(f"  {mark} {size(abs(net), 0)} {clean(asset, 8)} net, 1 h", style)])

    def _trouble(self, known: ChainNow) -> list[Row]:
        rows: list[Row] = []
        for feed in known.feeds:
            if feed.state == "LIVE" and not feed.reason:
                continue
            style = (
                self.look.palette.dim
                if feed.state in ("CONNECTING", "SUBSCRIBING")
                else self.look.palette.warning
            )
            text = f"{clean(feed.venue, 20)} {feed.state.lower()}" + (
                f": {feed.reason}" if feed.reason else ""
            )
            rows += [[Segment(line, style)] for line in wrapped(clean(text), self.inner.width)[:2]]
        return rows

    def _flows(self, known: ChainNow) -> list[Row]:
        """Two rows an asset, a column a window."""
        palette = self.look.palette
        by_asset: dict[str, list[FlowNow]] = {}
        for flow in known.flows:
            by_asset.setdefault(clean(flow.asset, 5), []).append(flow)
        rows: list[Row] = []
        for asset, flows in by_asset.items():
            room = min(_NUMBER, max(_LEAST, (self.inner.width - _LABEL) // max(1, len(flows))))
            if not rows:
                spans = "".join(f"{_span(flow.window_s):>{room}}" for flow in flows)
                rows.append([Segment(f"{'flows':<{_LABEL}}{spans}", palette.dim)])
            rows.append(self._flow(f"{asset} in", [flow.into for flow in flows], palette.ask, room))
            rows.append(self._flow(f"{asset} out", [flow.out for flow in flows], palette.bid, room))
        return rows

    def _flow(self, name: str, amounts: list[float], style: Style, room: int) -> Row:
        palette = self.look.palette
        row = [Segment(f"{name:<{_LABEL}}", palette.text)]
        for amount in amounts:
            text = size(amount, 0) if amount else MISSING
            row.append(Segment(f"{text:>{room}}", style if amount else palette.dim))
        return row

    def _transfer(self, transfer: TransferNow, now_ns: int) -> Row:
        palette, glyphs = self.look.palette, self.look.glyphs
        into, out = bool(transfer.receiver), bool(transfer.sender)
        style = palette.text
        if into != out:
            style = palette.ask if into else palette.bid
        amount = f"{size(transfer.amount, 0)} {clean(transfer.asset, 5)}"
        row = [
            Segment(f"{age(transfer.ts, now_ns):>{_AGE - 1}} ", palette.dim),
            Segment(f"{glyphs.check if transfer.confirmed else glyphs.ring} ", palette.dim),
            Segment(f"{amount:>{_AMOUNT}}", style),
        ]
        if self.inner.width >= _WIDE:
            worth = MISSING if transfer.value_quote is None else f"${size(transfer.value_quote, 0)}"
            row.append(Segment(f"{worth:>{_WORTH}}", palette.dim))
        named = palette.text if into or out else palette.dim
        row.append(Segment(f"  {_whose(clean(transfer.sender, 24), clean(transfer.receiver, 24))}", named))
        return row


def _whose(sender: str, receiver: str) -> str:
    """As far as it is known.

    >>> _whose("", "Kraken"), _whose("Kraken", ""), _whose("Kraken", "Binance"), _whose("", "")
    ('to Kraken', 'from Kraken', 'Kraken to Binance', 'unknown')
    """
    if sender and receiver:
        return f"{sender} to {receiver}"
    return f"to {receiver}" if receiver else f"from {sender}" if sender else "unknown"


def _span(window_s: int) -> str:
    """A window, `10 min`, `1 h` or `24 h`."""
    return f"{window_s // 60} min" if window_s < 3600 else f"{window_s // 3600} h"
