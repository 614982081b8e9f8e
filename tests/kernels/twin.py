"""The kernels' slow twins: a dict book and brute-force features, in plain Python and numpy.

Nothing here shares code or method with the kernels: windows are found by looking at all of history again,
depth by adding up dicts, the microprice by numpy's solver, the proof by searching every TOP of the epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, MISSING, Levels, Rows
from engine.events import Kind

Pairs = list[tuple[int, int]]


class DictBook:
    """Exact sizes by price in two dicts."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.known_low: float = math.inf  # nothing is known
        self.known_high: float = -math.inf

    def apply(self, bids: Pairs, asks: Pairs) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for ticks, lots in levels:
                if lots:
                    side[ticks] = lots
                else:
                    side.pop(ticks, None)

    def load(self, bids: Pairs, asks: Pairs, bids_whole: bool, asks_whole: bool) -> None:
        self.bids.clear()
        self.asks.clear()
        self.apply(bids, asks)
        self.known_low = -math.inf if bids_whole else min((t for t, lots in bids if lots), default=math.inf)
        self.known_high = math.inf if asks_whole else max((t for t, lots in asks if lots), default=-math.inf)

    @property
    def top(self) -> tuple[int | None, int, int | None, int]:
        bid, ask = max(self.bids, default=None), min(self.asks, default=None)
        return (
            bid,
            self.bids.get(bid, 0) if bid is not None else 0,
            ask,
            (self.asks.get(ask, 0) if ask is not None else 0),
        )

    def depth(self, side: int, low: float, high: float) -> int:
        levels = self.asks if side else self.bids
        return sum(lots for ticks, lots in levels.items() if low <= ticks <= high)

    def sorted_side(self, side: int) -> Pairs:
        return sorted(self.asks.items()) if side else sorted(self.bids.items(), reverse=True)

    def ladder(self, side: int, group: int, n: int) -> list[tuple[int, int, int]]:
        levels = self.sorted_side(side)
        if not levels:
            return []
        if group == 1:
            rows = levels
        else:
            buckets: dict[int, int] = {}
            for ticks, lots in levels:
                price = math.ceil(ticks / group) * group if side else math.floor(ticks / group) * group
                buckets[price] = buckets.get(price, 0) + lots
            first, last = (min(buckets), max(buckets)) if side else (max(buckets), min(buckets))
            step = group if side else -group
            rows = [(price, buckets.get(price, 0)) for price in range(first, last + step, step)]
        out, total = [], 0
        for ticks, lots in rows[:n]:
            total += lots
            out.append((ticks, lots, total))
        return out


@dataclass
class Slot:
    """What happened in one 100 ms of session time."""

    ofi: int = 0
    messages: int = 0
    trades: list[tuple[int, int, int]] = field(default_factory=list)  # ticks, lots, side
    delays: list[int] = field(default_factory=list)
    mid: float | None = None  # at its end, in ticks


class SlowMarket:
    """Everything `engine.kernels.fold` knows of a market, found the long way."""

    def __init__(self, tick: float, lot: float, bands_bps: list[float], round_trip_lots: int) -> None:
        self.tick, self.lot, self.bands_bps, self.round_trip_lots = tick, lot, bands_bps, round_trip_lots
        self.book = DictBook()
        self.synced = False
        self.slots: list[Slot] = []
        self.slot = Slot()
        self.last_tick: int | None = None
        self.last_delay: int | None = None
        self.update_id = MISSING
        self.updates = 0
        self.previous: tuple[int | None, int, int | None, int] | None = None
        self.state: int | None = None
        self.transitions: list[tuple[int, int, int]] = []
        self.solved: np.ndarray | None = None
        self.last_trade: tuple[int, int, int] | None = None
        self.tops: list[tuple[int, int, int, int, int]] = []  # of this epoch, rising ids
        self.open: list[tuple[int, tuple[int | None, int, int | None, int]]] = []
        self.decided = self.verified = 0
        self.crossed_states = 0

    def fold(self, rows: Rows, levels: Levels, symbol: int) -> None:
        for row in rows:
            kind = int(row["kind"])
            if kind == Kind.TICK:
                self._end_slots(int(row["ts_recv"]))
            elif int(row["symbol"]) != symbol:
                continue
            elif kind in (Kind.SNAPSHOT, Kind.DELTA):
                self._depth(row, levels)
            elif kind == Kind.TRADE:
                self.last_trade = (int(row["price_ticks"]), int(row["size_lots"]), int(row["side"]))
                self.slot.trades.append(self.last_trade)
            elif kind == Kind.TOP:
                self._top(
                    *(int(row[n]) for n in ("last_id", "price_ticks", "size_lots", "ask_ticks", "ask_lots"))
                )

    def _depth(self, row: np.void, levels: Levels) -> None:
        start, bids, asks = int(row["level_start"]), int(row["bid_count"]), int(row["ask_count"])
        pairs = [(int(t), int(q)) for t, q in levels[start : start + bids + asks]]
        if int(row["kind"]) == Kind.SNAPSHOT:
            flags = int(row["flags"])
            self.book.load(pairs[:bids], pairs[bids:], bool(flags & BIDS_WHOLE), bool(flags & ASKS_WHOLE))
            self.synced = True
            self.previous = self.state = None
            self.tops, self.open = [], []
            for slot in [*self.slots, self.slot]:
                slot.ofi = 0
        elif self.synced:
            self.book.apply(pairs[:bids], pairs[bids:])
            self.updates += 1
            self.slot.messages += 1
            if int(row["ts_event"]) != MISSING:
                self.last_delay = int(row["ts_recv"]) - int(row["ts_event"])
                self.slot.delays.append(self.last_delay)
        else:
            return
        self.update_id = int(row["last_id"])
        top = self.book.top
        self._changed(*top)
        if int(row["kind"]) == Kind.DELTA and self.tops and self.tops[-1][0] <= self.update_id:
            self.open.append((self.update_id, top))

    def _changed(self, bid: int | None, bid_lots: int, ask: int | None, ask_lots: int) -> None:
        if self.previous is not None:
            b, a = -math.inf if bid is None else bid, math.inf if ask is None else ask
            b0, a0 = self.previous[0], self.previous[2]
            b0, a0 = -math.inf if b0 is None else b0, math.inf if a0 is None else a0
            self.slot.ofi += (b >= b0) * bid_lots - (b <= b0) * self.previous[1]
            self.slot.ofi += (a >= a0) * self.previous[3] - (a <= a0) * ask_lots
        state = None
        if bid is not None and ask is not None and bid < ask:
            state = min(9, int(10 * (bid_lots / (bid_lots + ask_lots)))) + (10 if ask - bid > 1 else 0)
            if self.state is not None and self.previous is not None:
                before = self.previous[0] + self.previous[2]  # type: ignore[operator]
                self.transitions.append((self.state, state, bid + ask - before))
        self.state = state
        crossed = bid is not None and ask is not None and bid >= ask
        self.crossed_states += crossed
        self.previous = None if crossed else (bid, bid_lots, ask, ask_lots)

    def _top(self, update_id: int, *top: int) -> None:
        if self.tops and update_id < self.tops[-1][0]:
            return
        self.tops.append((update_id, *top))
        for u, said in [entry for entry in self.open if entry[0] <= update_id]:
            bid, bid_lots, ask, ask_lots = next(t for t in reversed(self.tops) if t[0] <= u)[1:]
            truth = (bid if bid_lots else None, bid_lots, ask if ask_lots else None, ask_lots)
            self.decided += 1
            self.verified += truth == said
        self.open = [entry for entry in self.open if entry[0] > update_id]

    def _end_slots(self, ts: int) -> None:
        if self.last_tick is not None:
            self.slots += [Slot() for _ in range(max(1, round((ts - self.last_tick) / 1e8)) - 1)]
        self.last_tick = ts
        self.slot.mid = self._mid()
        self.slots.append(self.slot)
        self.slot = Slot()
        if len(self.slots) % 100 == 0:
            self.solved = solve_microprice(self.transitions)

    def _mid(self) -> float | None:
        bid, _, ask, _ = self.book.top
        if not self.synced or bid is None or ask is None or bid >= ask:
            return None
        return (bid + ask) / 2

    def features(self) -> dict[str, float]:
        """After a TICK; NaN is missing."""
        nan, lot, tick = math.nan, self.lot, self.tick
        bid, bid_lots, ask, ask_lots = self.book.top if self.synced else (None, 0, None, 0)
        low, high = self.book.known_low, self.book.known_high
        out = {
            "best_bid_ticks": nan if bid is None else bid,
            "best_bid_lots": nan if bid is None else bid_lots,
            "best_ask_ticks": nan if ask is None else ask,
            "best_ask_lots": nan if ask is None else ask_lots,
            "known_low_ticks": low if self.synced and math.isfinite(low) else nan,
            "known_high_ticks": high if self.synced and math.isfinite(high) else nan,
            "round_trip_size": self.round_trip_lots * lot,
            "ofi": sum(s.ofi for s in self.slots[-10:]) * lot if self.synced else nan,
            "updates": self.updates,
            "update_id": nan if self.update_id == MISSING else self.update_id,
            "decided": self.decided,
            "verified": self.verified,
        }
        out |= self._price_features() | self._flow_features()
        last = self.last_trade or (nan, nan, nan)
        return out | {"last_ticks": last[0], "last_lots": last[1], "last_side": last[2], "tick": tick}

    def _price_features(self) -> dict[str, float]:
        names = ("mid", "weighted_mid", "microprice", "spread_ticks", "spread_bps", "round_trip_bps")
        out = dict.fromkeys(names, math.nan)
        mid = self._mid()
        if mid is None:
            return out
        bid, bid_lots, ask, ask_lots = self.book.top
        assert bid is not None
        assert ask is not None
        imbalance = bid_lots / (bid_lots + ask_lots)
        out["mid"] = mid * self.tick
        out["weighted_mid"] = (imbalance * ask + (1 - imbalance) * bid) * self.tick
        out["spread_ticks"] = ask - bid
        if sum(jump != 0 for _, _, jump in self.transitions) >= 50 and self.state is not None:
            edge = 0.0 if self.solved is None else self.solved[self.state]
            out["microprice"] = (mid + edge / 2) * self.tick
        if mid > 0:
            out["spread_bps"] = (ask - bid) / mid * 1e4
            paid, received = self._sweep(1), self._sweep(0)
            out["round_trip_bps"] = (paid - received) / (self.round_trip_lots * mid) * 1e4
        return out

    def _sweep(self, side: int) -> float:
        left, value = self.round_trip_lots, 0
        for ticks, lots in self.book.sorted_side(side):
            if not self.book.known_low <= ticks <= self.book.known_high:
                return math.nan
            taken = min(left, lots)
            value += taken * ticks
            left -= taken
            if not left:
                return value
        return math.nan

    def _flow_features(self) -> dict[str, float]:
        ten, minute = self.slots[-100:], self.slots[-600:]
        trades = [t for s in minute for t in s.trades]
        volume = sum(lots for _, lots, _ in trades)
        delays = [d for s in minute for d in s.delays]
        returns = self._returns()
        return {
            "trade_flow": sum(lots * side for s in ten for _, lots, side in s.trades) * self.lot,
            "vwap": sum(t * q for t, q, _ in trades) / volume * self.tick if volume else math.nan,
            "realised_vol_bps": (
                math.sqrt(sum(r * r for r in returns) * 60 / len(returns)) * 1e4
                if len(returns) >= 30
                else math.nan
            ),
            "trades_per_s": sum(len(s.trades) for s in ten) / (len(ten) / 10),
            "updates_per_s": sum(s.messages for s in ten) / (len(ten) / 10),
            "volume": sum(lots for s in self.slots for _, lots, _ in s.trades) * self.lot,
            "latency_ms": (self.last_delay - min(delays)) / 1e6 if delays else math.nan,  # type: ignore[operator]
        }

    def _returns(self) -> list[float]:
        """The known 1 s log returns among the last 60 whole seconds."""
        mids = [self.slots[i].mid for i in range(9, len(self.slots), 10)]
        pairs = list(pairwise(mids))[-60:]
        return [math.log(b / a) for a, b in pairs if a is not None and b is not None and a > 0 and b > 0]

    def band(self, bps: float) -> list[float]:
        """reach_bps, bid_depth, ask_depth, ratio, imbalance."""
        mid = self._mid()
        missing = [math.nan] * 5
        if mid is None or mid <= 0:
            return missing
        wanted = bps / 1e4 * mid
        width = min(wanted, mid - self.book.known_low, self.book.known_high - mid)
        if width < 0:
            return missing
        bid = self.book.depth(0, mid - width, math.inf) * self.lot
        ask = self.book.depth(1, -math.inf, mid + width) * self.lot
        reach = bps if width == wanted else width / mid * 1e4
        ratio = bid / ask if ask else math.nan
        return [reach, bid, ask, ratio, (bid - ask) / (bid + ask) if bid + ask else math.nan]


def solve_microprice(transitions: list[tuple[int, int, int]]) -> np.ndarray:
    """Stoikov's G, in half ticks by state, from (state before, state, jump in half ticks)."""
    mirror = np.array([(s // 10) * 10 + 9 - s % 10 for s in range(20)])
    still, moved, jump = np.zeros((20, 20)), np.zeros((20, 20)), np.zeros(20)
    for before, after, leap in transitions:
        clipped = float(np.clip(leap, -2, 2))
        for x, y, sign in ((before, after, 1.0), (mirror[before], mirror[after], -1.0)):
            (still if leap == 0 else moved)[x, y] += 1
            jump[x] += sign * clipped
    moved[np.arange(20), np.arange(20)] += 0.5
    moved[np.arange(20), mirror] += 0.5
    seen = (still.sum(axis=1) + moved.sum(axis=1))[:, None]
    inverse = np.linalg.inv(np.eye(20) - still / seen)
    first, b = inverse @ (jump / seen[:, 0]), inverse @ (moved / seen)
    return sum((np.linalg.matrix_power(b, i) @ first for i in range(16)), np.zeros(20))
