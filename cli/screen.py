"""Runs the full-screen app over an engine thread. What every screen command shares."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli import paths
from cli.engine import EngineThread
from cli.errors import UserError
from tui.app import MicrotuiApp
from tui.bridge import Bridge

GRACE_S = 3.0  # for the way out over the screen
LAST_WORDS_S = 1.0  # for whoever did get out of it, and had to wait for the recording as well

if TYPE_CHECKING:
    from engine.desk import Desk


def run_screen(
    build: Callable[[Bridge], Awaitable[Desk]],
    *,
    title: str,
    exporters: Mapping[str, Callable[[], str]] | None = None,
    flags: Sequence[str] = (),
) -> None:
    """Paint at once; the engine starts beside it. Raises UserError when the engine could not go on."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        # Textual reads keys from stdin and paints on stderr.
        raise UserError(
            "the screen needs a terminal on stdin and stderr, and there is none; "
            "run it in a terminal, or add --headless for JSON lines"
        )
    log_to_file()
    bridge = Bridge()
    look = _look_settings(flags)
    app = MicrotuiApp(
        bridge,
        theme_folders=[paths.built_in("themes"), paths.config_folder() / "themes"],
        keys=look.get("keys", {}),
        theme_name=look.get("theme"),
        ascii_only=bool(look.get("ascii")) or os.environ.get("MICROTUI_ASCII") == "1",
        bell=bool(look.get("bell")),
        state_file=paths.state_file(),
        export_folder=paths.exports_folder(),
        exporters=exporters or {},
        title=title,
    )
    engine = EngineThread(bridge, build)
    _leave_when_told(app, engine)
    app.call_after_first_paint = engine.start
    try:
        app.run()
    finally:
        engine.stop()
    if bridge.failure:
        raise UserError(bridge.failure)


def _leave_when_told(app: MicrotuiApp, engine: EngineThread) -> None:
    """On SIGTERM and SIGHUP: the screen's own way out, and another where there is no terminal left to close it on.

    A hang-up also brings SIGCONT, at which Textual begins to paint anew; with the terminal gone or its reader stopped,
    whoever writes to it waits for ever.
    """
    told = threading.Event()

    def leave(number: int, _: object) -> None:
        app.call_later(app.exit)
        if not told.is_set():
            told.set()
            threading.Thread(target=see_to_it, args=(number,), name="leave", daemon=True).start()

    def see_to_it(number: int) -> None:
        time.sleep(GRACE_S)
        engine.stop()  # the recording is closed, whatever became of the screen
        time.sleep(LAST_WORDS_S)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def log_to_file() -> None:
    """Warnings and worse, to a file: the terminal belongs to the screen."""
    file = paths.log_file()
    handler: logging.Handler
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > 5_000_000:
            file.replace(file.with_suffix(".old.log"))
        handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    except OSError:
        handler = logging.NullHandler()
    logging.basicConfig(
        level=logging.WARNING, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )


def _look_settings(flags: Sequence[str]) -> dict[str, Any]:
    """Theme, ascii and keys, read before the first paint; all settings are checked right after it."""
    try:
        values = tomllib.loads(paths.config_file().read_text("utf-8"))
    except (OSError, ValueError):
        values = {}
    screen, keys = values.get("screen"), values.get("keys")
    look: dict[str, Any] = dict(screen) if isinstance(screen, dict) else {}
    given = dict(flag.partition("=")[::2] for flag in flags)
    for name in ("theme", "ascii", "bell"):
        text = given.get(f"screen.{name}", os.environ.get(f"MICROTUI_SCREEN__{name.upper()}"))
        if text is not None:
            look[name] = (
                text.strip() if name == "theme" else text.strip().lower() in ("1", "true", "yes", "on")
            )
    look["keys"] = keys if isinstance(keys, dict) and all(isinstance(k, str) for k in keys.values()) else {}
    return look
