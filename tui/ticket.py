"""An order of one's own before it is placed: side, how, price and size, for the symbol in sight. No widgets here."""

from __future__ import annotations

from engine.frame import Frame, Market
from engine.frame.symbol import Line
from engine.instrument import Instrument, NotOnGrid, Step
from engine.ports import PlaceOrder
from engine.text import clean
from tui.deck import depth_met
from tui.format import nearest_125, price, step_125, trimmed

LIMIT, POST_ONLY, MARKET = "limit", "post only", "market"
WAYS = (LIMIT, POST_ONLY, MARKET)
DEPTH_SHARE = 0.005  # of the depth within 1 % that an order is at first: seen in the ladder, hardly felt
MOST = 2**53  # ticks or lots: beyond it other programs read them wrongly


class NotANumber(ValueError):
    """What was typed is no price or size; the message says what would be."""


class Ticket:
    """The price follows the market until a person sets it; a symbol has its own."""

    def __init__(self) -> None:
        self.side = 1
        self.way = LIMIT
        self._prices: dict[int, int] = {}
        self._lots: dict[int, int] = {}
        self._suits: dict[tuple[int, int], int] = {}  # sizes by symbol and side, since it was opened

    def open(self) -> None:
        """Look at the depth anew; from here on a size stays what it was when it was first shown."""
        self._suits.clear()

    def turn(self, side: int) -> None:
        """Buy (+1) or sell (-1); the price follows that side's best again."""
        if side != self.side:
            self.side = side
            self._prices.clear()

    def next_way(self) -> None:
        self.way = WAYS[(WAYS.index(self.way) + 1) % len(WAYS)]

    def price_ticks(self, market: Market) -> int | None:
        """As it was set, else the best price on the order's own side, else the other's; None without a book."""
        if market.symbol in self._prices:
            return self._prices[market.symbol]
        top = market.lines[market.symbol].top
        return next((p for p in (top.bid_ticks, top.ask_ticks)[:: self.side] if p is not None), None)

    def is_set(self, market: Market) -> bool:
        """Whether the price is a person's and no longer follows the market."""
        return market.symbol in self._prices

    def follow(self, market: Market) -> None:
        """Let the price follow the market again."""
        self._prices.pop(market.symbol, None)

    def step_price(self, market: Market, ticks: int) -> None:
        """So many ticks up or down, never below one."""
        now = self.price_ticks(market)
        if now is not None:
            self._prices[market.symbol] = min(max(now + ticks, 1), MOST)

    def lots(self, frame: Frame) -> int:
        """As it was set, else a little of the depth in sight."""
        market = frame.market
        if market.symbol in self._lots:
            return self._lots[market.symbol]
        lot = market.lines[market.symbol].instrument.lot
        depth = depth_met(frame, -self.side) or depth_met(frame, self.side)
        if not depth:
            return 1
        suits = max(1, round(nearest_125(DEPTH_SHARE * depth) / lot.to_float(1)))
        return self._suits.setdefault((market.symbol, self.side), suits)

    def resize(self, frame: Frame, by: int) -> None:
        self._lots[frame.market.symbol] = min(step_125(self.lots(frame), up=by > 0), MOST)

    def type_price(self, text: str, market: Market) -> None:
        """Raises NotANumber."""
        self._prices[market.symbol] = _whole(text, market.lines[market.symbol].instrument.tick, "price")

    def type_size(self, text: str, market: Market) -> None:
        """Raises NotANumber."""
        self._lots[market.symbol] = _whole(text, market.lines[market.symbol].instrument.lot, "size")

    def order(self, frame: Frame) -> PlaceOrder | None:
        """What would be placed; None where no price is known to place it at."""
        market = frame.market
        price = None if self.way == MARKET else self.price_ticks(market)
        if self.way != MARKET and price is None:
            return None
        return PlaceOrder(self.side, self.lots(frame), price, market.symbol, self.way == POST_ONLY)


def takes_at_once(order: PlaceOrder, line: Line) -> bool:
    """Whether the order meets what rests on the other side."""
    if order.price_ticks is None:
        return True
    bid, ask = line.top.bid_ticks, line.top.ask_ticks
    if order.side > 0:
        return ask is not None and order.price_ticks >= ask
    return bid is not None and order.price_ticks <= bid


def in_words(order: PlaceOrder, instrument: Instrument) -> str:
    """`buy 0.5 BTC at 61 693.72, post only`."""
    verb = "buy" if order.side > 0 else "sell"
    text = f"{verb} {trimmed(instrument.lot.text_of(order.lots))} {clean(instrument.base, 10)}"
    if order.price_ticks is None:
        return f"{text} at the market"
    text += f" at {price(instrument, order.price_ticks)}"
    return f"{text}, post only" if order.post_only else text


def _whole(text: str, step: Step, what: str) -> int:
    """Typed decimals as whole steps of the grid."""
    try:
        count = step.count(text.strip().replace(" ", "").replace(",", "").replace("_", ""))
    except NotOnGrid as wrong:
        raise NotANumber(f"{what}: {wrong}") from None
    if not 1 <= count <= MOST:
        raise NotANumber(f"{what}: expected at least one step of {step.text}, found {clean(text, 30)}")
    return count
