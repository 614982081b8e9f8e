"""`microtui train`: models that ship small and that a user may train again on data of their own."""

from __future__ import annotations

import click

from cli.train_bots import bots
from cli.train_sentiment import sentiment


@click.group()
def train() -> None:
    """Train a model on your own labelled data."""


train.add_command(sentiment)
train.add_command(bots)
