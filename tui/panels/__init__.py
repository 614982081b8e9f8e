"""The panels. Every module here that defines a `Panel` with a digit is found by `discover`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

from engine.text import clean
from tui.panels.base import Panel


def discover(package: ModuleType | None = None) -> tuple[list[type[Panel]], list[str]]:
    """A package's panels (this one's by default) by digit, and a sentence for each module that failed."""
    import tui.panels

    package = tui.panels if package is None else package
    found: dict[str, type[Panel]] = {}
    problems: list[str] = []
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        name = f"{package.__name__}.{module_info.name}"
        try:
            module = importlib.import_module(name)
        except Exception as error:  # a plug-in may fail in any way; the screen must not
            problems.append(f"panel {module_info.name} left out: {type(error).__name__}: {clean(str(error))}")
            continue
        for panel in vars(module).values():
            if not (inspect.isclass(panel) and issubclass(panel, Panel) and panel.key):
                continue
            if panel.__module__ != name:
                continue
            taken = found.setdefault(panel.key, panel)
            if taken is not panel:
                problems.append(
                    f"panel {panel.title} left out: its digit {panel.key} is {taken.title}'s; choose another"
                )
    return [found[key] for key in sorted(found, key=_place_on_keyboard)], problems


def _place_on_keyboard(key: str) -> int:
    """From left to right: 0 stands behind 9, and letters behind it."""
    return ("1234567890".find(key) + 1) or 10 + ord(key)
