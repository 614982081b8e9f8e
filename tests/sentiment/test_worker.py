"""The model's process: asked by a session that never loads torch, killed, hung, flooded, and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sentiment import worker as workers
from engine.sentiment.local_options import LACKING, LocalOptions, installed
from engine.sentiment.scores import concat, from_draws
from engine.sentiment.worker import Worker
from engine.sentiment.worker_messages import Said, framed, packed, told_of, unpacked
from tests.sentiment import tiny

needs_torch = pytest.mark.skipif(not installed(), reason="the models extra is not installed")

# A process that speaks the worker's language without a model: its polarity is the number that a text is.
STAND_IN = """
import sys, time
import numpy as np
from engine.sentiment.scores import from_draws
from engine.sentiment.worker_child import _next
from engine.sentiment.worker_messages import Ready, Unfit, ask_of, framed, packed
asked, answers = sys.stdin.buffer, open(1, "wb", buffering=0)
_next(asked)
mode = sys.argv[1]
if mode == "unfit":
    answers.write(framed(Unfit("no such model", later=False)))
elif mode == "later":
    answers.write(framed(Unfit("no network", later=True)))
elif mode == "noise":
    answers.write(b"\\xff" * 64)
if mode != "work":
    time.sleep(60)
answers.write(framed(Ready("stand-in", "nothing")))
while True:
    texts = ask_of(_next(asked)).texts
    if "die" in texts:
        sys.exit(3)
    if "hang" in texts:
        time.sleep(60)
    time.sleep(0.005)
    up = np.array([float(text) for text in texts])
    answers.write(framed(packed(from_draws(np.stack([(1 - up) / 2, 0 * up, (1 + up) / 2], -1)[None], tier=1))))
"""


def stand_in(monkeypatch: pytest.MonkeyPatch, mode: str = "work") -> None:
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-c", STAND_IN, mode))
    monkeypatch.setattr(workers, "installed", lambda: True)
    monkeypatch.setattr(workers, "AGAIN_S", (0.05, 0.2))


@asynccontextmanager
async def opened(options: LocalOptions | None = None) -> AsyncIterator[Worker]:
    worker = Worker(options)
    try:
        yield worker
    finally:
        await worker.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("models") / "tiny")


@needs_torch
async def test_a_real_worker_answers_dies_and_answers_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.sentiment import local

    monkeypatch.setattr(workers, "AGAIN_S", (0.05, 0.2))
    posts = ["going to zero", "new highs again", ""]
    here = local.load(LocalOptions(model=str(folder))).predict_batch(posts)
    async with opened(LocalOptions(model=str(folder))) as worker:
        assert worker.state == "waiting for a first post"
        assert worker.pid is None, "it starts when it is needed"
        found = await worker.score(posts)
        assert list(found.rows) == [0, 1, 2]
        np.testing.assert_allclose(found.scores.polarity, here.polarity, atol=1e-5)
        np.testing.assert_allclose(found.scores.epistemic, here.epistemic, atol=1e-5)
        assert worker.state.startswith("ready: tiny@")
        assert worker.model == local.load(LocalOptions(model=str(folder))).model
        first = worker.pid
        assert first is not None
        assert os.getpriority(os.PRIO_PROCESS, first) > os.getpriority(os.PRIO_PROCESS, 0)
        os.kill(first, signal.SIGKILL)
        await until(lambda: worker.pid != first)
        again = await worker.score(posts[:1])
        assert again.scores.polarity[0] == found.scores.polarity[0]
        assert worker.pid not in (None, first)


@needs_torch
def test_the_process_that_asks_never_loads_torch(folder: Path) -> None:
    script = f"""
import asyncio, json, sys
from engine.sentiment.local_options import LocalOptions
from engine.sentiment.worker import Worker
async def main():
    worker = Worker(LocalOptions(model={str(folder)!r}))
    found = await worker.score(["going to zero"])
    await worker.close()
    print(json.dumps([list(found.rows), [name for name in ("torch", "transformers") if name in sys.modules]]))
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == [[0], []]


@needs_torch
async def test_a_model_that_cannot_be_used_is_off_with_the_reason(tmp_path: Path) -> None:
    async with opened(LocalOptions(model=str(tmp_path / "none"))) as worker:
        assert list((await worker.score(["up"])).rows) == []
        assert not worker.available
        assert worker.state.startswith("off: ")
        assert "expected a model's folder, found none there" in worker.state


async def test_without_the_extra_it_is_off_and_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "installed", lambda: False)
    async with opened() as worker:
        assert worker.state == f"off: {LACKING}"
        assert "pip install 'microtui[models]'" in worker.state
        assert list((await worker.score(["up"])).rows) == []
        assert worker.pid is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=6), st.integers(1, 50))
def test_every_text_has_its_own_answer_or_gave_up_its_place_to_a_younger_one(
    requests: list[tuple[int, int]], waiting: int
) -> None:
    async def play() -> None:
        async with opened() as worker:
            asked: list[tuple[list[float], asyncio.Task[workers.Answered]]] = []
            number = 0
            for count, pause in requests:
                values = [(number + at) / 1000 for at in range(count)]
                number += count
                asked.append((values, asyncio.ensure_future(worker.score([str(value) for value in values]))))
                await asyncio.sleep(pause / 100)
                assert len(worker._queue) <= waiting
            kept = 0
            for values, task in asked:
                rows, scores = await task
                np.testing.assert_allclose(scores.polarity, [values[row] for row in rows], atol=1e-12)
                assert len(scores) == len(rows)
                kept += len(rows)
            youngest = range(max(0, len(values) - waiting), len(values))
            assert set(youngest) <= set(rows), "of the last who asked"
            assert kept + worker.given_up == number

    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_in(monkeypatch)
        monkeypatch.setattr(workers, "WAITING", waiting)
        asyncio.run(play())


async def test_what_was_asked_of_a_dying_process_is_given_up_and_the_rest_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch)
    monkeypatch.setattr(workers, "AT_ONCE", 2)
    async with opened() as worker:
        found = await worker.score(["0.1", "die", "0.2", "0.3"])
        assert list(found.rows) == [2, 3]
        np.testing.assert_allclose(found.scores.polarity, [0.2, 0.3])
        assert worker.given_up == 2
        assert worker.state == "ready: stand-in on nothing"


async def test_a_process_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    monkeypatch.setattr(workers, "ANSWER_S", 0.3)
    async with opened() as worker:
        await worker.score(["0.5"])
        first = worker.pid
        assert list((await worker.score(["hang"])).rows) == []
        assert list((await worker.score(["0.5"])).rows) == [0]
        assert worker.pid != first


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("later", "no network"), ("noise", "expected a message of at most"), ("quiet", "did not answer")],
)
async def test_a_start_that_fails_is_tried_again_and_told(
    monkeypatch: pytest.MonkeyPatch, mode: str, reason: str
) -> None:
    stand_in(monkeypatch, mode)
    monkeypatch.setattr(workers, "AGAIN_S", (1000.0, 1000.0))
    monkeypatch.setattr(workers, "LOADING_S", 0.3 if mode == "quiet" else 20.0)
    monkeypatch.setattr(workers, "PATIENCE_S", 0.05)
    async with opened() as worker:
        assert list((await worker.score(["up"])).rows) == [], "a text waits no longer than its patience"
        await until(lambda: worker.state.startswith("restarting in "))
        assert reason in worker.state
        assert worker.available
        assert worker.pid is None


async def test_a_model_that_is_unfit_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "unfit")
    async with opened() as worker:
        assert list((await worker.score(["up"])).rows) == []
        assert worker.state == "off: no such model"
        assert worker.pid is None


async def test_closing_ends_the_process_and_frees_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    worker = Worker()
    await worker.score(["0.5"])
    pid = worker.pid
    waiting = asyncio.ensure_future(worker.score(["hang"]))
    await asyncio.sleep(0.1)
    await worker.close()
    assert list((await waiting).rows) == []
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list((await worker.score(["0.5"])).rows) == [], "it stays closed"


async def test_a_caller_that_leaves_takes_its_texts_along(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    async with opened() as worker:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await worker.score(["die"])
        assert list((await worker.score(["0.5"])).rows) == [0]


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), max_size=9), st.integers(1, 3))
def test_scores_come_through_the_pipe_as_they_were(rows: list[list[float]], passes: int) -> None:
    draws = np.array(rows).reshape(1, -1, 3).repeat(passes, 0)
    scores = from_draws(draws / draws.sum(-1, keepdims=True), tier=1)
    told = told_of(framed(packed(scores))[4:])
    assert isinstance(told, Said)
    found = unpacked(told, len(rows))
    for name in told.arrays:
        np.testing.assert_array_equal(getattr(found, name), getattr(scores, name))
    with pytest.raises(ValueError, match="expected the scores of"):
        unpacked(told, len(rows) + 1)
    with pytest.raises(ValueError, match="expected the arrays of Scores"):
        unpacked(Said({}), 0)
    assert len(unpacked(packed(concat([])), 0)) == 0
