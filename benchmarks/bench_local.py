"""What the local tier costs: a network of DistilRoBERTa's shape, its weights random, since only its size costs time.

On a processor: milliseconds of processor time on one thread, as the worker has it. Dropout in the head is compared
with a single pass, and so is dropout in the full network. Then the worker: how long it loads, and how long a session's
loop was held at most meanwhile, beside how long it is held with no worker, which is the machine's doing. Where there is
a GPU, the same posts on it, in bfloat16, by the clock.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench_score import made_up
from engine.sentiment.local_options import LACKING, LocalOptions, installed

if TYPE_CHECKING:
    from engine.sentiment.local import Local
    from engine.sentiment.worker import Worker

POSTS = 64
ALONE = 9  # of them, a post at a time


def run() -> dict[str, float]:
    if not installed():
        raise FileNotFoundError(LACKING)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = distilroberta(Path(name) / "model")
            figures = on(folder, "cpu", time.process_time) | asyncio.run(worker(folder))
            if torch.cuda.is_available():
                return figures | on(folder, "cuda", time.perf_counter)
    finally:
        torch.set_num_threads(threads)
    print("  no GPU here: its figures are unmeasured")
    return figures


def distilroberta(folder: Path) -> Path:
    """6 layers of 768, 12 heads, 50,265 words: 82 million parameters; words of the posts are tokens of their own."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast

    from engine.sentiment.local import quiet

    quiet()

    folder.mkdir()
    bpe = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(made_up(400), vocab_size=1500, special_tokens=special)
    bpe.save_model(str(folder))
    RobertaTokenizerFast.from_pretrained(str(folder), model_max_length=512).save_pretrained(str(folder))
    labels = dict(enumerate(("negative", "neutral", "positive")))
    config = RobertaConfig(
        vocab_size=50265, num_hidden_layers=6, max_position_embeddings=514, type_vocab_size=1, id2label=labels
    )
    RobertaForSequenceClassification(config).save_pretrained(str(folder))
    return folder


def on(folder: Path, device: str, clock: Callable[[], float]) -> dict[str, float]:
    import torch

    from engine.sentiment import local

    posts = made_up(POSTS)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    # One network for all three, so that where its weights lie in memory makes no difference.
    model, tokenizer = local.opened(folder, LocalOptions(model=str(folder)), dtype)
    model.to(device)
    tiers = {
        doubt: local.Local(model, tokenizer, LocalOptions(doubt=doubt), local.Calibration(), "")
        for doubt in ("none", "head", "full")
    }
    one = per_post(tiers, posts[:ALONE], clock)
    many = {
        doubt: least(lambda tier=tier: tier.predict_batch(posts), clock, 2)
        for doubt, tier in tiers.items()
        if doubt != "full"
    }
    return {
        f"{device}: one pass, a post alone, ms": one["none"] * 1e3,
        f"{device}: dropout in the head, a post alone, ms (100 on a GPU)": one["head"] * 1e3,
        f"{device}: dropout in the head / one pass, a post alone (1.15)": one["head"] / one["none"],
        f"{device}: dropout in full / one pass, a post alone": one["full"] / one["none"],
        f"{device}: dropout in the head / one pass, in batches (1.15)": many["head"] / many["none"],
        f"{device}: dropout in the head, in batches, posts/s": POSTS / many["head"],
    }


def per_post(tiers: dict[str, Local], posts: list[str], clock: Callable[[], float]) -> dict[str, float]:
    """Median over posts of the least of three; tiers in turn, so that a busy machine is so to all of them."""
    found: dict[str, list[float]] = {doubt: [] for doubt in tiers}
    for post in posts:
        for doubt, tier in tiers.items():
            found[doubt].append(least(lambda tier=tier, post=post: tier.predict_batch([post]), clock, 3))
    return {doubt: statistics.median(times) for doubt, times in found.items()}


def least(work: Callable[[], object], clock: Callable[[], float], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


async def worker(folder: Path) -> dict[str, float]:
    from engine.sentiment.worker import Worker

    one = Worker(LocalOptions(model=str(folder)))
    idle = await held(asyncio.sleep(5))
    start = time.perf_counter()
    loading = await held(loaded(one))
    ready = time.perf_counter() - start
    start = time.perf_counter()
    scoring = await held(one.score(made_up(32)))
    done = time.perf_counter() - start
    await one.close()
    return {
        "worker: from start to a first answer, s": ready,
        "worker: 32 posts, s": done,
        "the loop was held with no worker, at most, ms": idle * 1e3,
        "the loop was held while it loaded, at most, ms": loading * 1e3,
        "the loop was held while it scored, at most, ms": scoring * 1e3,
    }


async def loaded(one: Worker) -> None:
    while not (await one.score(["to the moon"])).rows:
        print(f"  {one.state}")


async def held(work: Coroutine[object, object, object]) -> float:
    """Seconds by which a sleep of a millisecond was late at most while `work` was done."""
    task, most = asyncio.ensure_future(work), 0.0
    while not task.done():
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        most = max(most, time.perf_counter() - start - 0.001)
    await task
    return most
