"""Whose an address is, as far as exchanges have said so themselves: a small list that ships, and the user's own.

[[exchange]]
name = "Binance"
source = "https://…"            # who says so
bitcoin = ["34xp4vRo…"]
ethereum = ["0xf977814e…"]      # for every token too
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from engine.text import clean

MOST = 20_000  # addresses
_BITCOIN = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{24,34}|bc1[02-9ac-hj-np-z]{11,87}")
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")


class BadAddresses(ValueError):
    """A list of addresses that cannot be used; one sentence for a person."""

    for_people = True


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a list."""

    name: str
    source: str = ""
    bitcoin: tuple[str, ...] = ()
    ethereum: tuple[str, ...] = ()


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange: tuple[Exchange, ...] = ()


class Addresses:
    """`bitcoin` and `ethereum` give an exchange's name by address; ethereum's are in lower case."""

    def __init__(self, *lists: tuple[Exchange, ...]) -> None:
        """Of later lists an address counts before that of earlier ones."""
        self.bitcoin: dict[str, str] = {}
        self.ethereum: dict[str, str] = {}
        for exchange in (exchange for entries in lists for exchange in entries):
            self.bitcoin.update(dict.fromkeys(exchange.bitcoin, exchange.name))
            self.ethereum.update(dict.fromkeys((a.lower() for a in exchange.ethereum), exchange.name))


def shipped() -> tuple[Exchange, ...]:
    return read_addresses(Path(__file__).with_name("chain_addresses.toml"))


def read_addresses(file: Path) -> tuple[Exchange, ...]:
    """The entries of a list. Raises BadAddresses for anything else, and OSError where it cannot be read."""
    try:
        values = tomllib.loads(file.read_text("utf-8"))
        entries = msgspec.convert(values, _List).exchange
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadAddresses(f"{file.name} is not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise BadAddresses(f"{file.name}: {error}") from None
    count = sum(len(entry.bitcoin) + len(entry.ethereum) for entry in entries)
    if count > MOST:
        raise BadAddresses(f"{file.name}: expected up to {MOST} addresses, found {count}")
    return tuple(_checked(entry, file.name) for entry in entries)


def _checked(entry: Exchange, where: str) -> Exchange:
    name = clean(entry.name, 24)
    if not name:
        raise BadAddresses(f"{where}: expected every exchange to have a name, found none")
    for chain, addresses, pattern, such_as in (
        ("bitcoin", entry.bitcoin, _BITCOIN, "bc1q…"),
        ("ethereum", entry.ethereum, _ETHEREUM, "0x and 40 digits"),
    ):
        for address in addresses:
            if not pattern.fullmatch(address):
                found = clean(address, 60)
                raise BadAddresses(
                    f"{where}, {name}: expected an address of {chain} such as {such_as}, found {found!r}"
                )
    return msgspec.structs.replace(entry, name=name)
