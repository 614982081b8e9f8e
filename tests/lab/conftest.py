"""A recording of the real captured session, made once for all tests of the laboratory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.feeds.capture import capture_batches
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.feeds.test_capture import BTC, NAME
from tests.laws.test_laws import ListSource


@pytest.fixture(scope="session")
def recording(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "live.microtui"
    source = ListSource(capture_batches(captures / NAME, BTC))
    asyncio.run(Session(source, sink=Recorder(path, new_header("test", 1))).run())
    return path
