"""The `microtui` command: a click group that loads a command's module only when it is run."""

from __future__ import annotations

import importlib

import click

# name -> where it lives and its one line of help, so that `--help` loads none of them
COMMANDS = {
    "live": ("cli.live:live", "Watch a live market."),
    "sim": ("cli.sim:sim", "Watch a simulated market of agents; no network needed."),
    "replay": ("cli.replay:replay", "Play a recording, or March 2020."),
    "whatif": ("cli.whatif:whatif", "Fork a market into many futures, with a shock and without."),
    "sessions": ("cli.sessions:sessions", "List, check, export and prune recordings."),
    "advisers": ("cli.advisers:advisers", "How often each adviser was right, over recordings."),
    "risk": ("cli.risk:risk", "What agents and you could have lost, and whether the estimate held."),
    "data": ("cli.data:data", "Fetch real trades of the past, and read files of others as sessions."),
    "ingest": ("cli.ingest:ingest", "Fetch what the text sources still offer of the past."),
    "score": ("cli.score:score", "Score posts: bullish or bearish, and how sure."),
    "train": ("cli.train:train", "Train a model on your own labelled posts."),
    "calibrate": ("cli.calibrate:calibrate", "Fit a simulated market to a recorded one."),
    "validate": ("cli.validate:validate", "Hold a simulated market against the facts of real ones."),
    "venues": ("cli.venues:venues", "The venues there are, and what each offers."),
    "config": ("cli.config:config", "The settings: path, show, init, check."),
    "doctor": ("cli.doctor:doctor", "What works here, what does not, and what to do about it."),
    "exchange": (
        "cli.exchange:exchange",
        "Serve a made-up exchange on this machine, to try microtui offline.",
    ),
}


class LazyGroup(click.Group):
    """Knows its commands by name; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="microtui", message="microtui %(version)s")
def main() -> None:
    """A full-screen terminal for market microstructure.

    \b
      microtui sim                a living market on this machine alone
      microtui live BTCUSDT       an exact order book, recorded as you watch
      microtui replay             the last recording, with seek and speed
      microtui replay march2020   bitcoin halves in a day
      microtui exchange           a market on this machine, for trying it offline
    """
