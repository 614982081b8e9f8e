"""`microtui doctor`: what works here, what does not, and what to do about each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.doctor_report import Finding
    from cli.settings import Settings


@click.command()
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line.")
@click.option("--offline", is_flag=True, help="Ask nothing of the network.")
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting, such as venues.binance.ws=ws://…"
)
def doctor(json_lines: bool, offline: bool, flags: tuple[str, ...]) -> None:
    """Look at terminal, files, network, clock, caches and extras; say what to do about each fault.

    Every line is ok, a hint or a fault; with a fault the exit code is 1.
    """
    import json

    from cli.doctor_report import FAULT, as_json, tell

    found = list(findings(flags, offline))
    if json_lines:
        for finding in found:
            click.echo(json.dumps(as_json(finding)))
    else:
        tell(found)
    if any(finding.level == FAULT for finding in found):
        sys.exit(1)


def findings(flags: tuple[str, ...], offline: bool) -> Iterator[Finding]:
    """Everything, in the order in which it is told."""
    from cli import doctor_clock, doctor_files, doctor_parts, doctor_terminal

    settings = _settings(flags)
    yield from doctor_terminal.findings()
    yield from doctor_files.findings(settings)
    if offline:
        yield from doctor_clock.clock_findings(())
    else:
        from cli import doctor_network

        yield from doctor_network.findings(settings)
    yield from doctor_parts.findings(settings)


def _settings(flags: tuple[str, ...]) -> Settings:
    """Those in force; the defaults where the file cannot be read, which the files' findings tell."""
    from cli import paths
    from cli.config import faults
    from cli.errors import UserError
    from cli.settings import Settings, load_settings

    try:
        return load_settings(flags)
    except UserError:
        if faults(paths.config_file()):
            return Settings()
        raise  # a flag is at fault
