"""A host on loopback with the layout of data.binance.vision, and files in every variant that it is known to serve.

Rows come from a seed as Decimals; the same rows are what the parsed tables are compared with.
"""

from __future__ import annotations

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = {
    (
        "usdm",
        "aggTrades",
    ): "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
    ("spot", "aggTrades"): (
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match"
    ),
    ("usdm", "trades"): "id,price,qty,quote_qty,time,is_buyer_maker",
    ("spot", "trades"): "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match",
    ("usdm", "klines"): (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore"
    ),
    ("usdm", "bookTicker"): (
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
    ),
}
HEADERS["spot", "klines"] = HEADERS["usdm", "klines"]


def day_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9


@dataclass
class Made:
    """One day of rows: `rows` as dicts of what is meant, `csv` as the host would write it."""

    rows: list[dict[str, object]]
    csv: bytes


def made(
    kind: str, market: str, day: date, *, header: bool, unit_ns: int, flag: str, count: int = 400
) -> Made:
    """`flag`: how a boolean is spelt, `True` or `true`."""
    rng = random.Random(f"{kind} {market} {day}")
    rows: list[dict[str, object]] = []
    lines: list[str] = [HEADERS[market, kind]] if header else []
    ts, number, price = day_ns(day), rng.randrange(10**9), Decimal("7935.13")
    for at in range(count):
        ts += rng.randrange(0, 3_000_000_000) // unit_ns * unit_ns
        number += 1
        price += Decimal(rng.randint(-50, 50)) / 100
        size = Decimal(rng.randint(1, 10**7)) / 10**6
        maker = rng.random() < 0.5
        said, best = (
            (flag if maker else flag.replace("rue", "alse").replace("T", "F").replace("t", "f")),
            flag,
        )
        row: dict[str, object]
        if kind == "aggTrades":
            first, last = number * 3, number * 3 + rng.randint(0, 2)
            row = {
                "id": number,
                "price": price,
                "size": size,
                "first_id": first,
                "last_id": last,
                "ts": ts,
                "side": 1 - 2 * maker,
            }
            fields = [number, f"{price:.8f}", f"{size:.8f}", first, last, ts // unit_ns, said, best]
        elif kind == "trades":
            row = {"id": number, "price": price, "size": size, "ts": ts, "side": 1 - 2 * maker}
            fields = [number, f"{price:.8f}", f"{size:.8f}", f"{price * size:.8f}", ts // unit_ns, said, best]
        elif kind == "klines":
            opened = day_ns(day) + at * 60_000_000_000
            close = price + Decimal(rng.randint(-500, 500)) / 100
            high, low = max(price, close) + 1, min(price, close) - 1
            bought = size / 2
            row = {
                "ts": opened,
                "open": price,
                "high": high,
                "low": low,
                "close": close,
                "volume": size,
                "trades": at,
                "bought": bought,
            }
            end = opened + 60_000_000_000 - unit_ns
            fields = [opened // unit_ns, price, high, low, close, size, end // unit_ns, 0, at, bought, 0, 0]
        else:
            bid, ask = price, price + Decimal("0.1")
            row = {"id": number, "bid": bid, "bid_size": size, "ask": ask, "ask_size": size + 1, "ts": ts}
            fields = [number, bid, size, ask, size + 1, ts // unit_ns, ts // unit_ns + 3]
        if market == "usdm" and kind in ("aggTrades", "trades"):
            fields = fields[:-1]
        rows.append(row)
        lines.append(",".join(str(field) for field in fields))
    return Made(rows, ("\n".join(lines) + "\n").encode())


def zipped(csv: bytes, name: str = "x.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, csv)
    return out.getvalue()


@dataclass
class Site:
    """What is served, what was asked, and what goes wrong."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, Range
    cut_after: list[int] = field(default_factory=list)  # bytes of the next zips before the connection breaks
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # instead of the next answers
    ranges: bool = True
    holds: threading.Event | None = None  # the second half of every zip comes when this is set
    url: str = ""

    def put(self, path: str, body: bytes, sha256: str | None = None) -> None:
        name = path.rpartition("/")[2]
        self.files[path] = body
        self.files[f"{path}.CHECKSUM"] = f"{sha256 or hashlib.sha256(body).hexdigest()}  {name}\n".encode()


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = self.path.lstrip("/"), self.headers.get("Range", "")
            site.asked.append((path, asked))
            if site.answers:
                status, headers = site.answers.pop(0)
                self._say(status, headers, b"")
                return
            body = site.files.get(path)
            if body is None:
                self._say(404, {}, b"no")
                return
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.ranges else 0
            if first and first >= len(body):
                self._say(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
                return
            headers = {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"} if first else {}
            cut = site.cut_after.pop(0) if site.cut_after and path.endswith(".zip") else None
            self._say(206 if first else 200, headers, body[first:], cut)

        def _say(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if site.holds is not None and self.path.endswith(".zip") and cut is None:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                site.holds.wait(30)
                body = body[len(body) // 2 :]
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
