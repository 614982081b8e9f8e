"""The plain tables of a recording, for people who query with SQL: their columns, in the order of insertion."""

from __future__ import annotations

Columns = dict[str, type]

INSTRUMENTS: Columns = {
    "symbol": int,
    "from_seq": int,  # the first event it holds for: an instrument may be listed again on another tick
    "venue": str,
    "name": str,
    "base": str,
    "quote": str,
    "tick_size": str,
    "lot_size": str,
    "kind": str,
    "multiplier": str,
    "price_decimals": int,
    "size_decimals": int,
}
BOOK_METRICS: Columns = {
    "ts": int,
    "asset": str,
    "exchange": str,
    "bid_ask_ratio": float,
    "depth_imbalance": float,
    "mid_price": float,
    "spread_bps": float,
    "bid_depth_1pct": float,
    "ask_depth_1pct": float,
    "depth_band_bps": float,
}
TRADES: Columns = {
    "seq": int,
    "ts": int,
    "symbol": int,
    "trade_id": int,
    "price_ticks": int,
    "size_lots": int,
    "side": int,
}
SIGNALS: Columns = {
    "ts": int,
    "symbol": int,
    "direction": str,
    "confidence": float,
    "ratio": float,
    "held_s": float,
    "reason": str,
}
ALERTS: Columns = {"ts": int, "symbol": int, "kind": str, "confidence": float, "text": str}
MARKS: Columns = {"ts": int, "text": str}
HEALTH: Columns = {
    "ts": int,
    "venue": str,
    "symbol": int,
    "state": str,
    "reason": str,
    "trading": str,
    "retry_at": int,
    "messages": int,
    "bytes": int,
    "malformed": int,
    "ignored": int,
    "resyncs": int,
    "reconnects": int,
}
SENTIMENT: Columns = {
    "ts": int,  # when the post was written
    "post": str,
    "source": str,
    "author": str,  # a keyed hash
    "assets": str,
    "text": str,
    "polarity": float,
    "confidence": float,
    "aleatoric": float,
    "epistemic": float,
    "tier": str,
    "model": str,
    "bot": float,
    "cost_micro": int,
    "spread_bps_before": float,
    "depth_before": float,
    "spread_bps_after": float,
    "depth_after": float,
    "synthetic": int,
}
FILLS: Columns = {
    "ts": int,
    "seq": int,
    "symbol": int,
    "number": int,  # of the order
    "owner": int,  # an agent's number; -1: the person, -2: a shock
    "side": int,
    "price_ticks": int,
    "size_lots": int,
    "fee": int,  # ticks x lots; negative: a rebate
    "waited": int,
}
SHOCKS: Columns = {"ts": int, "symbol": int, "kind": str, "size": float, "side": int, "duration_s": float}
FACTORS: Columns = {
    "ts": int,
    "symbol": int,
    "regime": str,
    "calm": float,
    "trending": float,
    "stressed": float,
    "dislocated": float,
    "factor_1": float,
    "factor_2": float,
}
ADVICE: Columns = {
    "ts": int,
    "symbol": int,
    "adviser": str,
    "direction": int,
    "confidence": float,
    "horizon_s": float,
    "reason": str,
}
OUTCOMES: Columns = {
    "ts": int,
    "symbol": int,
    "adviser": str,
    "given": int,
    "horizon_s": float,
    "direction": int,
    "confidence": float,
    "regime": str,
    "move_bps": float,  # in the advised direction
    "cost_bps": float,
    "hit": int,
}
DECISIONS: Columns = {
    "ts": int,
    "symbol": int,
    "direction": int,
    "probability": float,
    "horizon_s": float,
    "reason": str,
    "parts": str,
}
TRANSFERS: Columns = {
    "ts": int,
    "id": str,
    "asset": str,
    "amount": float,
    "value_quote": float,
    "sender": str,
    "receiver": str,
    "source": str,
    "confirmed": int,
}
PLAIN: dict[str, Columns] = {
    "instruments": INSTRUMENTS,
    "book_metrics": BOOK_METRICS,
    "trades": TRADES,
    "signals": SIGNALS,
    "alerts": ALERTS,
    "marks": MARKS,
    "health": HEALTH,
    "sentiment": SENTIMENT,
    "fills": FILLS,
    "shocks": SHOCKS,
    "factors": FACTORS,
    "advice": ADVICE,
    "outcomes": OUTCOMES,
    "decisions": DECISIONS,
    "transfers": TRANSFERS,
}
