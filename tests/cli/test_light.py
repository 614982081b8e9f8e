"""What is loaded before the first paint: Textual and our own light modules, nothing that computes or stores."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    *("numpy", "numba", "pydantic", "httpx", "websockets", "sqlite3", "sqlite_utils", "zstandard"),
    *("praw", "requests", "statsmodels", "torch", "transformers"),
}


def loaded_by(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(out.stdout.split())


def test_help_loads_nothing_heavy_and_not_even_the_screen() -> None:
    code = (
        "import contextlib, io\nfrom cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main(['--help'])"
    )
    loaded = loaded_by(code)
    assert "cli.main" in loaded
    assert not loaded & (HEAVY | {"textual"})


def test_the_first_paint_loads_nothing_heavy() -> None:
    loaded = loaded_by("import cli.main, cli.live, cli.replay, cli.screen, cli.export")
    assert "tui.app" in loaded
    assert not loaded & HEAVY
