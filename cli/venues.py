"""`microtui venues`: which there are, what each offers, how its book is proved, where it is asked."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting.")
def venues(as_json: bool, flags: tuple[str, ...]) -> None:
    """What each venue offers, and how its book is proved right."""
    from cli.settings import load_settings
    from engine.feeds.venues import VENUES

    settings = load_settings(flags)
    for info in VENUES.values():
        chosen = settings.venues.of(info)
        told = {
            "venue": info.name,
            "title": info.title,
            "example": info.example,
            "offers": info.offers,
            "proof": info.proof,
            "taker_bps": chosen.taker_bps,
            "depth_limit": chosen.depth_limit,
            "ws": chosen.ws,
            "rest": chosen.rest,
        }
        if as_json:
            click.echo(json.dumps(told, ensure_ascii=False))
            continue
        click.echo(click.style(info.name, bold=True) + f"  {info.title}")
        for name, text in (
            ("watch", f"microtui live {info.example} --venue {info.name}"),
            ("offers", info.offers),
            ("proof", info.proof),
            ("fee", f"{chosen.taker_bps:g} bp to take (venues.{info.setting}.taker_bps)"),
            ("asked at", ", ".join((*chosen.ws, *chosen.rest))),
        ):
            click.echo(f"  {name:<9} {text}")
