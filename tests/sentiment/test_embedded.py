"""The embedded tier: plain cases, odd texts, a slow twin, and weights files that are not what they seem."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from hashlib import sha256
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.lab import measures
from engine.lab.labelled import read_labelled
from engine.sentiment import lexicon
from engine.sentiment.embedded import SHIPPED, Embedded, load
from engine.sentiment.hashing import grams
from engine.sentiment.posts import MAX_CHARS, post_text, tokens
from engine.sentiment.router import Here, Routed, Router
from engine.sentiment.scores import BEARISH, BULLISH, LABELS, NEUTRAL, Scores, concat, from_draws, replaced
from engine.sentiment.tiers import TierMissing, open_tier
from engine.sentiment.weights import (
    MAGIC,
    MAX_FILE,
    SURENESS_STEPS,
    BadWeights,
    Weights,
    from_bytes,
    read,
    to_bytes,
)

BULLS = [
    *("🚀🚀", "buy the dip", "to the moon", "diamond hands", "not bearish at all", "bullish"),
    *("I think ETH will go up", "BTC is undervalued, loading up", "never selling my coins", "HODL"),
]
BEARS = [
    *("not going to moon", "rekt", "this is going to zero", "it's a scam", "dump it all", "bearish"),
    *("I'm not bullish on this", "don't buy this garbage", "got liquidated again", "📉💀"),
]
FOREIGN = ["比特币今天涨了很多", "Биткоин завтра упадет", "بيتكوين سيرتفع غدا", "ビットコインはどうなる"]


@pytest.fixture(scope="module")
def tier() -> Embedded:
    return load()


@pytest.fixture(scope="module")
def weights() -> Weights:
    return read(SHIPPED)


def test_plain_cases(tier: Embedded) -> None:
    bulls, bears = tier.predict_batch(BULLS), tier.predict_batch(BEARS)
    assert (bulls.polarity > 0.25).all(), dict(zip(BULLS, bulls.polarity, strict=True))
    assert (bears.polarity < -0.25).all(), dict(zip(BEARS, bears.polarity, strict=True))
    labels = tier.predict_batch(["to the moon", "rekt", "the meeting is on tuesday"]).label
    assert [LABELS[label] for label in labels] == ["bullish", "bearish", "neutral"]


def test_nothing_and_what_it_cannot_read_is_near_neutral_and_doubted(tier: Embedded) -> None:
    plain = tier.predict_batch(["the meeting is on tuesday at the office, bring a pen"])
    for text in ["", " \n", "\u200b\u202e\ud800", *FOREIGN]:
        scores = tier.predict_batch([text])
        assert abs(scores.polarity[0]) < 0.1, text
        assert scores.label[0] == NEUTRAL
        assert scores.epistemic[0] > 1.4 * plain.epistemic[0], text


def test_a_long_text_is_scored_by_its_beginning(tier: Embedded) -> None:
    long = "this is going to zero. " * 2000
    assert len(long) > 40_000
    scores = tier.predict_batch([long, long[:MAX_CHARS], "moon " * 8000, "moon"])
    assert scores.polarity[0] == scores.polarity[1] < -0.5
    assert scores.polarity[2] < 0.99, "shouting a word is no certainty"
    assert scores.confidence[2] < 0.99


@pytest.mark.parametrize(
    "text",
    [
        "Bitcoin price today is 61,000",
        "How do I buy bitcoin?",
        "What is the best wallet for a beginner?",
        "Can I use my Ledger with Metamask?",
        "How do taxes work if I sell my coins in the US?",
        "ETH gas is 12 gwei right now",
    ],
)
def test_questions_and_facts_about_coins_take_no_side(tier: Embedded, text: str) -> None:
    """None of them is among the sentences that neutral was learned from."""
    scores = tier.predict_batch([text])
    assert scores.label[0] == NEUTRAL
    assert abs(scores.polarity[0]) < 0.3


def test_hidden_characters_change_nothing(tier: Embedded) -> None:
    plain, hidden = "this coin is a scam", "th\u200bis co\u202ein is a s\u2060cam\x07"
    scores = tier.predict_batch([plain, hidden])
    assert scores.polarity[0] == scores.polarity[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60) | st.sampled_from([*BULLS, *BEARS, *FOREIGN]), max_size=6))
def test_scores_of_a_batch_are_those_of_each_alone_bit_for_bit(texts: list[str]) -> None:
    tier = shared()
    together = tier.predict_batch(texts)
    assert len(together) == len(texts)
    alone = concat([tier.predict_batch([text]) for text in texts])
    for name in Scores.__slots__:
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
    assert (np.abs(together.polarity) <= 1).all()
    assert ((together.confidence >= 1 / 3 - 1e-12) & (together.confidence <= 1)).all()
    assert (together.aleatoric + together.epistemic <= math.log(3) + 1e-9).all()
    np.testing.assert_allclose(
        together.polarity, (1 - together.neutral) * (2 * together.bullish - 1), atol=1e-9
    )


_TIER: list[Embedded] = []


def shared() -> Embedded:
    if not _TIER:
        _TIER.append(load())
    return _TIER[0]


def slow(weights: Weights, text: str) -> tuple[float, float, float, float]:
    """Polarity, aleatoric, epistemic, epistemic_sd of one text with plain Python numbers, node by node."""
    found = tokens(post_text(text))
    odds, spread = [], []
    for at, head in enumerate((weights.header.neutral, weights.header.bullish)):
        mean = head.bias + sum(a * b for a, b in zip(lexicon.features(found), head.lexicon, strict=True))
        variance = 0.0
        for kind, unseen in enumerate((10, 40)):
            start, count = grams([found]).starts[0, kind], grams([found]).counts[0, kind]
            buckets = grams([found]).buckets[start : start + count].tolist()
            size = len(buckets) + unseen
            mean += sum(head.scale * int(weights.weights[at, bucket]) for bucket in buckets) / math.sqrt(size)
            surprise = sum(0.5 ** (int(weights.sureness[at, bucket]) / SURENESS_STEPS) for bucket in buckets)
            variance += (surprise + unseen) / size / head.prior_precision
        odds.append(mean / head.temperature)
        spread.append(math.sqrt(variance) / head.temperature)
    nodes, shares = np.polynomial.hermite_e.hermegauss(5)
    shares = shares / shares.sum()
    mean_p, entropy, first, second = np.zeros(3), 0.0, 0.0, 0.0
    for (a, wa), (b, wb) in product(zip(nodes, shares, strict=True), repeat=2):
        n, p = (1 / (1 + math.exp(-(odds[k] + node * spread[k]))) for k, node in enumerate((a, b)))
        draw = np.array([(1 - n) * (1 - p), n, (1 - n) * p])
        mean_p += wa * wb * draw
        entropy += wa * wb * nats(draw)
        first += wa * wb * (draw[2] - draw[0])
        second += wa * wb * (draw[2] - draw[0]) ** 2
    return mean_p[2] - mean_p[0], entropy, nats(mean_p) - entropy, math.sqrt(max(second - first**2, 0.0))


def nats(p: Sequence[float] | np.ndarray) -> float:
    return -sum(float(x) * math.log(x) for x in p if x > 0)


@pytest.mark.parametrize("text", [*BULLS[:3], *BEARS[:3], FOREIGN[0], "", "BTC: +5% today?! wow, but wait"])
def test_a_slow_twin_agrees(tier: Embedded, weights: Weights, text: str) -> None:
    scores = tier.predict_batch([text])
    found = (scores.polarity[0], scores.aleatoric[0], scores.epistemic[0], scores.epistemic_sd[0])
    assert found == pytest.approx(slow(weights, text), abs=2e-4)


def test_doubt_by_hand() -> None:
    """Two draws that contradict each other: all doubt is epistemic. Two equal ones: none is."""
    against = np.array([[[1.0, 0, 0]], [[0, 0, 1.0]]])
    scores = from_draws(against)
    assert scores.polarity[0] == 0
    assert scores.aleatoric[0] == 0
    assert scores.epistemic[0] == pytest.approx(math.log(2))
    assert scores.epistemic_sd[0] == 1
    same = from_draws(np.array([[[0.25, 0.5, 0.25]]] * 2))
    assert same.epistemic[0] == 0
    assert same.aleatoric[0] == pytest.approx(1.5 * math.log(2))
    assert same.aleatoric_sd[0] == pytest.approx(math.sqrt(0.5))
    alone = from_draws(np.array([[[0.25, 0.5, 0.25]]]))
    assert np.isnan(alone.epistemic[0])
    assert np.isnan(alone.epistemic_sd[0])


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=2, max_size=8))
def test_the_two_doubts_make_the_whole(raw: list[list[float]]) -> None:
    draws = np.array(raw)[:, None]
    draws /= draws.sum(-1, keepdims=True)
    scores = from_draws(draws)
    mean = draws.mean(0)[0]
    assert scores.aleatoric[0] + scores.epistemic[0] == pytest.approx(nats(mean))
    total = mean[BULLISH] + mean[BEARISH] - (mean[BULLISH] - mean[BEARISH]) ** 2
    assert scores.aleatoric_sd[0] ** 2 + scores.epistemic_sd[0] ** 2 == pytest.approx(total)


def test_the_shipped_file_is_small_and_its_card_tells_what_it_was_made_of(weights: Weights) -> None:
    assert SHIPPED.stat().st_size <= 600_000
    card = msgspec.json.decode(SHIPPED.with_suffix(".json").read_bytes())
    assert [data["sha256"] for data in card["data"]] == list(weights.header.data_sha256)
    assert card["recipe"] == msgspec.json.decode(weights.header.recipe)
    posts = card["data"][0]["bullish_or_bearish"]
    assert posts["accuracy"]["mean"] >= 0.77
    assert posts["macro_f1"]["mean"] >= 0.76
    assert card["credits"]


def test_held_out_headlines_are_read_and_doubt_knows_where_it_errs(tier: Embedded, data: Path) -> None:
    """2,388 headlines that no training has seen. Doubt that says nothing would be right as often in every third."""
    posts = read_labelled(data / "twitter_financial_news_valid.csv")
    scores = tier.predict_batch(posts.texts)
    sided = posts.labels != NEUTRAL
    answers = np.where(scores.bullish > 0.5, BULLISH, BEARISH).astype(np.int8)[sided]
    sure = np.maximum(scores.bullish, 1 - scores.bullish)[sided]
    found = measures.summary(posts.labels[sided], answers, sure)
    assert found["accuracy"] > 0.83
    assert found["macro_f1"] > 0.82
    assert found["ece"] < 0.08
    right = scores.label == posts.labels
    thirds = np.array_split(right[np.argsort(scores.epistemic, kind="stable")], 3)
    assert thirds[0].mean() > 0.9 > thirds[1].mean() + 0.05 > thirds[2].mean() + 0.1


def test_weights_come_back_from_their_bytes(weights: Weights) -> None:
    blob = to_bytes(weights)
    again = from_bytes(blob)
    assert to_bytes(again) == blob
    assert again.header.bullish == weights.header.bullish
    np.testing.assert_array_equal(again.weights, weights.weights)
    np.testing.assert_array_equal(again.sureness, weights.sureness)


def sealed(header: object, tables: bytes) -> bytes:
    """A file with a right digest around whatever it is given."""
    text = msgspec.json.encode(header)
    body = len(text).to_bytes(4, "little") + text + tables
    return MAGIC + sha256(body).digest() + body


def test_files_of_strangers_are_refused_with_the_reason(weights: Weights) -> None:
    header = msgspec.to_builtins(weights.header)
    head = header["bullish"]
    raw = weights.weights.tobytes() + weights.sureness.tobytes()
    good = zlib.compress(raw)
    assert from_bytes(sealed(header, good)).header == weights.header
    cases = {
        "another kind of file": b"\x80\x04pickle",
        "at most 4194304 bytes": b"\0" * (MAX_FILE + 1),
        "a header of at most 65536 bytes, found 70": sealed("x" * 70_000, b""),
        "header cannot be read": sealed([], good),
        "bytes of tables, found 524289 or more": sealed(header, zlib.compress(b"\0" * 100_000_000)),
        "bytes of tables, found 524287 or more": sealed(header, zlib.compress(raw[1:])),
        "cannot be unpacked": sealed(header, b"\0\0\0"),
        "trained by another version": sealed(header | {"inputs": ["words 1-3"]}, good),
        "lexicon numbers in bullish": sealed(header | {"bullish": head | {"lexicon": [1.0]}}, good),
        "scale of bullish": sealed(header | {"bullish": head | {"scale": 0.0}}, good),
        "finite numbers in bullish": sealed(header | {"bullish": head | {"bias": 1e300}}, good),
    }
    for reason, bad in cases.items():
        with pytest.raises(BadWeights, match=reason):
            from_bytes(bad)
    with pytest.raises(BadWeights, match=r"nowhere\.bin: cannot be read"):
        read(Path("nowhere.bin"))


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused(data: st.DataObject) -> None:
    blob = bytearray(SHIPPED.read_bytes())
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(blob) - 1) | st.integers(0, 800))
        blob[at] ^= data.draw(st.integers(1, 255))
    else:
        del blob[data.draw(st.integers(0, len(blob) - 1)) :]
    with pytest.raises(BadWeights):
        from_bytes(bytes(blob))


class Fixed:
    """A tier that says the same of everything and remembers what it was asked."""

    name = "local"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        self.asked += texts
        return from_draws(np.array([[[0.05, 0.05, 0.9]]] * 2).repeat(len(texts), 1), tier=1)


def test_auto_asks_the_next_tier_about_doubtful_posts_only(tier: Embedded) -> None:
    texts = [*BULLS, "比特币", *BEARS, "good but bad"]
    first = tier.predict_batch(texts)
    doubtful = [text for text, p in zip(texts, first.bullish, strict=True) if 0.4 < p < 0.6]
    assert doubtful
    local = Fixed()
    scores = Routed("auto", tier, Router(Here(local))).predict_batch(texts)
    assert local.asked == doubtful
    assert [texts[at] for at in np.flatnonzero(scores.tier == 1)] == doubtful
    assert (scores.bullish[scores.tier == 1] > 0.9).all()
    kept = scores.tier == 0
    np.testing.assert_array_equal(scores.polarity[kept], first.polarity[kept])
    assert first.tier.max() == 0, "the first tier's own scores are left alone"


def test_replaced_rows_keep_the_others() -> None:
    base = from_draws(np.array([[[1.0, 0, 0], [0, 1.0, 0]]] * 2))
    other = from_draws(np.array([[[0, 0, 1.0]]]), tier=2)
    changed = replaced(base, np.array([1]), other)
    assert changed.polarity.tolist() == [-1.0, 1.0]
    assert changed.tier.tolist() == [0, 2]
    assert base.polarity.tolist() == [-1.0, 0.0]


def test_a_tier_that_is_not_there_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "engine.sentiment.local", None)
    with pytest.raises(TierMissing, match=r"local tier needs .*microtui\[models\]"):
        open_tier("local")
    assert open_tier("auto").predict_batch(["rekt"]).polarity[0] < 0
    with pytest.raises(TierMissing, match="expected a tier of embedded, local, gateway, auto, found vader"):
        open_tier("vader")
