"""A gateway with a key and a purse of its own, asked once, and what its answer says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.sentiment.gateway import Gateway
from engine.sentiment.gateway_options import GatewayOptions, Key
from engine.sentiment.scores import LABELS
from engine.sentiment.service import Answer
from store.spend import Spend
from tests.sentiment.endpoint import Answers, Endpoint, Said

SECRET = "sk-do-not-tell"  # noqa: S105
TEXTS = ["coin +", "coin -", "the fork is on tuesday"]
TRUTH = ["bullish", "bearish", "neutral"]


def made(endpoint: Endpoint, folder: Path, ceiling_usd: float = 1.0, **more: Any) -> Gateway:
    options = GatewayOptions(
        url=endpoint.url,
        model="some-model",
        key=Key(SECRET),
        ceiling_usd=ceiling_usd,
        price_in_usd=2.0,
        price_out_usd=10.0,
        **{"deadline_s": 5.0, **more},
    )
    return Gateway(options, Spend(folder / "state.db", options.ceiling_micro), rng=random.Random(1))


async def asked(gateway: Gateway, texts: Sequence[str] = TEXTS) -> Answer:
    try:
        return await gateway.ask(texts)
    finally:
        await gateway.close()


def labels(answer: Answer) -> dict[int, str]:
    return {row: LABELS[int(answer.scores.label[at])] for at, row in enumerate(answer.rows)}


def plain(status: int, body: bytes = b"", **headers: str) -> Answers:
    return lambda request, number: Said(status, body, {k.replace("_", "-"): v for k, v in headers.items()})
