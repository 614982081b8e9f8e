"""State and View -> Market: the part of a frame that both laws speak of. Pure; plain values only."""

from __future__ import annotations

from array import array

import numpy as np

from engine.across import across_now
from engine.advisers.shown import advisers_now
from engine.alerts.shown import alerts_now
from engine.batch import OWN
from engine.core import State
from engine.frame import Market, View
from engine.frame.agents import AgentNow, AgentsNow, FamilyNow
from engine.frame.sentiment import SentimentNow
from engine.frame.symbol import Band, Detail, Features, Level, Line, OwnOrder, PaperLevel, Print, Proof, Top
from engine.kernels import charts_view as chart_view
from engine.kernels import ladder as ladder_kernel
from engine.kernels import seconds as second_kernel
from engine.regimes.shown import regime_now
from engine.risk.shown import risk_now
from engine.signals.chain import chain_now
from engine.signals.sentiment import sentiment_now
from engine.symbol import SymbolState

BID, ASK = 0, 1
SPREAD_ROWS = 6.0  # of the ladder
SPREAD_OVER_S = 120
COARSEST = 10.0**12  # ticks, under `ladder_kernel.MAX_GROUP`: a stranger's prices may be any


def picture(state: State, view: View) -> Market:
    """What `view` shows of `state`."""
    chosen = view.symbol if view.symbol in state.symbols else next(iter(state.symbols), 0)
    symbol = state.symbols.get(chosen)
    return Market(
        seq=state.seq,
        ts=state.ts,
        started=state.started,
        lines=tuple(_line(state, s) for _, s in sorted(state.symbols.items())),
        symbol=chosen,
        detail=_detail(state, chosen, symbol, view) if symbol is not None else Detail(),
        events=tuple(reversed(state.events)),
        feeds=tuple(state.feeds.values()),
        agents=_agents(state),
        sentiment=_sentiment(state, symbol),
        regime=None if symbol is None else regime_now(symbol.regime, symbol.seconds),
        advisers=None if symbol is None else advisers_now(symbol.advisers, state.baseline),
        alerts=alerts_now(state, chosen),
        chain=chain_now(state.chain, state.feeds.values()),
        across=None if symbol is None else across_now(state, symbol.instrument.base, view.across_rows),
    )


def auto_group(mid_ticks: float, spread_ticks: float = 0.0) -> int:
    """Ladder price a row, in ticks: the 1-2-5 step nearest above 1.2e-5 of the price, at least one tick.

    Where spreads are wide, a sixth of one: a ladder of empty rows tells nothing.
    """
    wanted = min(max(mid_ticks * 1.2e-5, spread_ticks / SPREAD_ROWS), COARSEST)
    step = 1
    while step < wanted:
        first_digit = int(str(step)[0])
        step = step // first_digit * {1: 2, 2: 5, 5: 10}[first_digit]
    return step


def _usual_spread(symbol: SymbolState) -> float:
    """The median spread of the last two minutes, in ticks: a step that follows each spread would flicker."""
    rows = second_kernel.window(symbol.seconds, SPREAD_OVER_S)
    spreads = rows[:, second_kernel.SPREAD_BPS] * rows[:, second_kernel.MID]
    known = np.sort(spreads[~np.isnan(spreads)])
    return float(known[len(known) // 2]) / 1e4 / float(symbol.instrument.tick.value) if len(known) else 0.0


def _sentiment(state: State, symbol: SymbolState | None) -> SentimentNow | None:
    if symbol is None:
        return None
    return sentiment_now(state.sentiment, symbol.instrument.base, symbol.depth(25.0, state.setup))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _agents(state: State) -> AgentsNow | None:
    """The agents' books in base and quote units."""
    note = state.agents
    symbol = state.symbols.get(note.symbol) if note is not None else None
    if note is None or symbol is None:
        return None
    lot = float(symbol.instrument.lot.value)
    tick = float(symbol.instrument.tick.value)
    money, mid, rule = tick * lot, symbol.feature("mid"), state.setup.risk
    families = tuple(
        FamilyNow(
            f.name,
            f.count,
            f.position_lots * lot,
            (f.realised + f.unrealised - f.fees) * money,
            f.fees * money,
            f.fills,
            f.orders,
            array("d", [row[i] * money for row in state.profits if i < len(row)]).tobytes(),
            risk_now(state.risk, f.name, mid, rule),
        )
        for i, f in enumerate(note.families)
    )
    agents = tuple(
        AgentNow(
            a.family,
            a.position_lots * lot,
            a.cost / a.position_lots * tick if a.position_lots else None,
            a.realised * money,
            a.unrealised * money,
            a.fees * money,
            a.drawdown * money,
            a.fills,
            a.orders,
        )
        for a in note.agents
    )
    return AgentsNow(families, agents, note.paper, rule.horizon_s, rule.level)


def _line(state: State, symbol: SymbolState) -> Line:
    mid = symbol.feature("mid")
    feed = state.feeds.get(symbol.instrument.venue)
    change = None
    if mid is not None and symbol.first_mid:
        change = (mid / symbol.first_mid - 1.0) * 100.0
    return Line(
        instrument=symbol.instrument,
        state=symbol.shown_state,
        reason=symbol.reason,
        connection=feed.state if feed is not None else "IDLE",
        trading=symbol.trading,
        top=Top(
            _whole(symbol.feature("best_bid_ticks")),
            _whole(symbol.feature("best_bid_lots")),
            _whole(symbol.feature("best_ask_ticks")),
            _whole(symbol.feature("best_ask_lots")),
        ),
        mid=mid,
        change_pct=change,
        spread_bps=symbol.feature("spread_bps"),
        proof=Proof(_whole(symbol.feature("verified")) or 0, _whole(symbol.feature("decided")) or 0),
        update_id=_whole(symbol.feature("update_id")),
        updates_per_s=symbol.feature("updates_per_s"),
        latency_ms=symbol.feature("latency_ms"),
        direction=symbol.signal.now.direction,
    )


def _detail(state: State, index: int, symbol: SymbolState, view: View) -> Detail:
    tick = float(symbol.instrument.tick.value)
    mid = symbol.feature("mid")
    group = view.group_ticks or (auto_group(mid / tick, _usual_spread(symbol)) if mid is not None else 1)
    tape = chart_view.read_tape(symbol.charts, view.tape_rows)
    prints = tuple(Print(*row) for row in tape.tolist())
    return Detail(
        bids=_levels(symbol, BID, group, view.ladder_rows),
        asks=_levels(symbol, ASK, group, view.ladder_rows),
        group_ticks=group,
        known_low_ticks=_whole(symbol.feature("known_low_ticks")),
        known_high_ticks=_whole(symbol.feature("known_high_ticks")),
        last=prints[0] if prints else None,
        features=_features(state, symbol),
        tape=prints,
        chart=chart_view.read_chart(
            symbol.charts, symbol.instrument, view.interval_ns, view.columns, view.heat_rows
        ),
        signal=symbol.signal.now,
        own=_own(state, index),
        paper=_paper(state, index),
    )


def _own(state: State, index: int) -> tuple[OwnOrder, ...]:
    return tuple(
        OwnOrder(number, order.side, order.ticks, order.lots, order.ahead_lots)
        for number, order in state.resting.items()
        if order.owner == OWN and order.symbol == index
    )


def _paper(state: State, index: int) -> tuple[PaperLevel, ...]:
    """What our agents have resting beside the book, a price and side each."""
    lots: dict[tuple[int, int], int] = {}
    for order in state.resting.values():
        if order.owner != OWN and order.symbol == index:
            key = (order.side, order.ticks)
            lots[key] = lots.get(key, 0) + order.lots
    return tuple(PaperLevel(side, ticks, lots[side, ticks]) for side, ticks in sorted(lots))


def _levels(symbol: SymbolState, side: int, group: int, rows: int) -> tuple[Level, ...]:
    return tuple(Level(*row) for row in ladder_kernel.read_ladder(symbol.market, side, group, rows).tolist())


def _features(state: State, symbol: SymbolState) -> Features:
    feature = symbol.feature
    return Features(
        mid=feature("mid"),
        weighted_mid=feature("weighted_mid"),
        microprice=feature("microprice"),
        spread_ticks=_whole(feature("spread_ticks")),
        spread_bps=feature("spread_bps"),
        bands=tuple(
            Band(
                bps,
                symbol.band(i, "reach_bps"),
                symbol.band(i, "bid_depth"),
                symbol.band(i, "ask_depth"),
                symbol.band(i, "ratio"),
                symbol.band(i, "imbalance"),
            )
            for i, bps in enumerate(state.setup.bands_bps)
        ),
        round_trip_bps=feature("round_trip_bps"),
        round_trip_size=feature("round_trip_size") or 0.0,
        ofi=feature("ofi"),
        trade_flow=feature("trade_flow"),
        vwap=feature("vwap"),
        realised_vol_bps=feature("realised_vol_bps"),
        trades_per_s=feature("trades_per_s"),
        volume=feature("volume"),
        latency_ms=feature("latency_ms"),
    )
