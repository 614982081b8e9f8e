"""Addresses of exchanges: the list that ships is right to the last character, a person's own is checked and wins."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from engine.feeds.chain_addresses import Addresses, BadAddresses, Exchange, read_addresses, shipped

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def base58_is_right(address: str) -> bool:
    """Base58Check: the last four bytes are those of a double hash of the others."""
    number = 0
    for character in address:
        number = number * 58 + BASE58.index(character)
    whole = number.to_bytes(25, "big")
    return whole[0] in (0x00, 0x05) and sha256(sha256(whole[:21]).digest()).digest()[:4] == whole[21:]


def bech32_is_right(address: str) -> bool:
    """BIP 173, witness version 0."""
    prefix, _, rest = address.rpartition("1")
    values = (
        [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [BECH32.index(c) for c in rest]
    )
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= GENERATOR[bit] if top >> bit & 1 else 0
    return check == 1 and rest[0] == "q"


def test_the_checks_themselves_tell_right_from_wrong() -> None:
    assert base58_is_right("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")  # the first block's
    assert not base58_is_right("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
    assert bech32_is_right("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")  # BIP 173's own example
    assert not bech32_is_right("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")


def test_every_address_that_ships_is_right_and_sourced_and_stands_once() -> None:
    entries = shipped()
    bitcoin = [address for entry in entries for address in entry.bitcoin]
    ethereum = [address for entry in entries for address in entry.ethereum]
    for address in bitcoin:
        assert bech32_is_right(address) if address.startswith("bc1") else base58_is_right(address), address
    assert all(entry.source.startswith("https://") for entry in entries)
    assert len({*bitcoin, *ethereum}) == len(bitcoin) + len(ethereum)
    assert len({entry.name for entry in entries}) == len(entries)


def test_of_later_lists_an_address_counts_before_that_of_earlier_ones() -> None:
    ours = Exchange("Ours", ethereum=("0x" + "AB" * 20,), bitcoin=("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",))
    both = Addresses((Exchange("Theirs", ethereum=("0x" + "ab" * 20,)),), (ours,))
    assert both.ethereum == {"0x" + "ab" * 20: "Ours"}
    assert both.bitcoin == {"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": "Ours"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[exchange]", "own.toml is not valid TOML"),
        ("[exchange]\nname = 'x'", "own.toml: Expected `array`"),
        ("[[exchange]]\nname = 'x'\nethreum = []", "unknown field `ethreum`"),
        ("[[exchange]]\nbitcoin = []", "missing required field `name`"),
        ("[[exchange]]\nname = '\\u202e '", "expected every exchange to have a name"),
        (
            "[[exchange]]\nname = 'x'\nbitcoin = ['0xabc']",
            "own.toml, x: expected an address of bitcoin such as bc1q…",
        ),
        (
            "[[exchange]]\nname = 'x'\nethereum = ['0xabc']",
            "expected an address of ethereum such as 0x and 40 digits",
        ),
        ("[[exchange]]\nname = 'x'\nbitcoin = ['1O1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa']", "found '1O1zP1e"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text.replace("'", '"'), "utf-8")
    with pytest.raises(BadAddresses) as found:
        read_addresses(file)
    assert said in str(found.value)


def test_a_name_that_would_move_the_cursor_does_not(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[[exchange]]\nname = "a\\u001b[2Jb\\u202e"', "utf-8")
    assert read_addresses(file)[0].name == "a[2Jb"
