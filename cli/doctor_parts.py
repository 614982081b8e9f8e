"""What the program is made of here: Python and its packages, the processor, compiled kernels, extras, models."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cli import paths
from cli.doctor_files import usage
from cli.doctor_report import HINT, OK, Finding, age, size

if TYPE_CHECKING:
    from cli.settings import Settings

_COUNT = ("numba", "numpy", "llvmlite", "textual", "websockets", "httpx", "msgspec", "zstandard")
# Vector units that compiled kernels use where they are there.
_VECTORS = ("avx512f", "avx2", "fma", "sse4_2", "asimd", "sve")


class Extra(NamedTuple):
    packages: tuple[str, ...]
    brings: str


EXTRAS = {
    "parquet": Extra(("pyarrow",), "fetched data, Parquet exports and imports"),
    "reddit": Extra(("praw",), "Reddit's own interface, for those who have keys"),
    "regimes": Extra(("statsmodels",), "regimes by a dynamic factor model, beside their labels"),
    "lab": Extra(("optuna",), "calibration of a simulated market to a recorded one"),
    "models": Extra(
        ("torch", "transformers", "peft"), "the second tier of sentiment, a transformer on this machine"
    ),
}


def installed(package: str) -> str | None:
    """Its version, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def findings(settings: Settings) -> Iterator[Finding]:
    yield from _program()
    yield from _processor()
    yield from _caches()
    yield from _extras()
    yield from _models(settings)


def _program() -> Iterator[Finding]:
    ours = installed("microtui") or "not installed, run from its folder"
    yield Finding("program", "microtui", OK, f"{ours}, Python {platform.python_version()} ({sys.executable})")
    versions = {package: installed(package) for package in _COUNT}
    shown = ", ".join(f"{package} {found or 'missing'}" for package, found in versions.items())
    missing = [package for package, found in versions.items() if found is None]
    advice = f"pip install {' '.join(missing)}" if missing else ""
    yield Finding("program", "parts", HINT if missing else OK, shown, advice, {"versions": versions})


def _processor() -> Iterator[Finding]:
    name, flags = _cpuinfo()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    vectors = [unit for unit in _VECTORS if unit in flags]
    found = f"{name or platform.machine()}, {cores} {'core' if cores == 1 else 'cores'}"
    found += f", {' '.join(vectors)}" if vectors else ""
    facts = {"cores": cores, "vectors": vectors}
    if cores < 2:
        advice = "screen and engine share one core: watch fewer symbols, or run microtui live --headless here"
        yield Finding("program", "processor", HINT, found, advice, facts)
    else:
        yield Finding("program", "processor", OK, found, "", facts)


def _cpuinfo() -> tuple[str, set[str]]:
    """The processor's name and what it can do, where Linux tells."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return platform.processor(), set()
    name, flags = "", set[str]()
    for line in text.splitlines():
        label, _, value = line.partition(":")
        name = name or (value.strip() if label.strip() == "model name" else "")
        flags |= set(value.split()) if label.strip() in ("flags", "Features") else set()
    return name, flags


def _caches() -> Iterator[Finding]:
    from engine.kernels import CACHE_DIR
    from engine.kernels.warm import is_warm

    if CACHE_DIR is None:
        advice = (
            "every start compiles for half a minute: let the cache folder be written, or set NUMBA_CACHE_DIR"
        )
        yield Finding("caches", "kernels", HINT, "no folder for them can be written", advice)
    else:
        count, total = usage(CACHE_DIR)
        facts = {"path": str(CACHE_DIR), "files": count, "bytes": total, "compiled": is_warm()}
        if is_warm():
            old = age(time.time() - (CACHE_DIR / "warm").stat().st_mtime)
            yield Finding(
                "caches", "kernels", OK, f"compiled {old} ago, {size(total)}: {CACHE_DIR}", "", facts
            )
        else:
            advice = "the first start compiles them; python -m engine.kernels.warm does it now"
            yield Finding("caches", "kernels", HINT, f"not compiled yet: {CACHE_DIR}", advice, facts)
    folder = paths.replays_folder()
    count, total = usage(folder)
    told = f"{count} files, {size(total)}: {folder}" if count else "none built yet"
    yield Finding("caches", "pasts", OK, told, "", {"path": str(folder), "bytes": total})


def _extras() -> Iterator[Finding]:
    for name, extra in EXTRAS.items():
        versions = {package: installed(package) for package in extra.packages}
        facts = {"versions": versions}
        if all(versions.values()):
            shown = ", ".join(f"{package} {found}" for package, found in versions.items())
            yield Finding("extras", name, OK, f"{shown} ({extra.brings})", "", facts)
        else:
            lacking = ", ".join(package for package, found in versions.items() if found is None)
            found = f"{lacking} not installed; would bring {extra.brings}"
            yield Finding("extras", name, HINT, found, f"pip install 'microtui[{name}]'", facts)


def _models(settings: Settings) -> Iterator[Finding]:
    from engine.feeds.raw import without_secrets

    own = paths.sentiment_weights()
    yield Finding("models", "embedded", OK, f"your own: {own}" if own.is_file() else "the one that ships")
    yield _local_model(settings)
    bots = paths.bots_model()
    yield Finding("models", "bots", OK, f"your own: {bots}" if bots.is_file() else "the scorecard that ships")
    gateway = settings.sentiment.gateway
    key = "set" if gateway.api_key else "not set"
    used = (
        f"{without_secrets(gateway.url)}, key {key}, at most {gateway.ceiling_usd:g} USD a month"
        if gateway.url
        else "not in use"
    )
    yield Finding("models", "gateway", OK, used)
    reddit = settings.sources.reddit
    keys = "set" if reddit.client_id and reddit.client_secret else "not set; public feeds are read without"
    yield Finding("models", "Reddit keys", OK, keys)
    yield Finding("models", "Etherscan key", OK, "set" if settings.chain.etherscan.key else "not set")


def _local_model(settings: Settings) -> Finding:
    options = settings.local_options()
    if not settings.sentiment.local.on:
        return Finding("models", "local", OK, "off in the settings")
    folder = Path(options.model).expanduser()
    if folder.is_dir():
        return Finding("models", "local", OK, f"{folder}, {size(usage(folder)[1])}")
    cached = _hub_cache() / f"models--{options.model.replace('/', '--')}"
    if cached.is_dir():
        return Finding("models", "local", OK, f"{options.model}, {size(usage(cached)[1])} in {cached}")
    if not all(installed(package) for package in EXTRAS["models"].packages[:2]):
        return Finding("models", "local", OK, f"{options.model}: waits for the models extra")
    return Finding("models", "local", OK, f"{options.model}: fetched from its hub when it is first needed")


def _hub_cache() -> Path:
    """https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"
