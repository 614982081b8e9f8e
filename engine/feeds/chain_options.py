"""Who is asked about public chains, from which size on a transfer is told, and how patiently: with origins."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

# Three to ten million dollars each at prices of 2025: sizes that people call a whale's.
LEAST = {"BTC": 100.0, "ETH": 1000.0, "USDT": 5_000_000.0, "USDC": 5_000_000.0}


class EtherscanKey(msgspec.Struct, frozen=True):
    """A key of https://etherscan.io/apidashboard. Never shown."""

    value: str

    def __post_init__(self) -> None:
        # Checked here, because what stands in an address is repeated by whoever complains about the address.
        if not (self.value.isascii() and self.value.isalnum() and len(self.value) <= 100):
            raise ValueError("expected an Etherscan key of letters and digits, found something else")

    def __repr__(self) -> str:
        return "EtherscanKey(hidden)"


class ChainOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty address asks nobody; Etherscan is asked only with a key."""

    blockchain: str = "wss://ws.blockchain.info/inv"
    mempool: str = "wss://mempool.space/api/v1/ws"
    etherscan: str = "https://api.etherscan.io/v2/api"
    key: EtherscanKey | None = None
    least: Mapping[str, float] = msgspec.field(default_factory=lambda: dict(LEAST))

    connect_timeout_s: float = 10.0
    connect_gap_s: float = 1.0  # between two attempts of this process to connect to anybody
    ping_every_s: float = 20.0
    max_frame_bytes: int = 4 * 2**20  # a block's list of 4,000 transactions is 0.3 MB
    max_waiting_bytes: int = 8 * 2**20  # received and not yet read; beyond it messages are let go
    first_data_s: float = 30.0  # after the subscription
    silent_s: float = 60.0  # bitcoin has several transactions a second
    backoff_min_s: float = 0.5
    backoff_max_s: float = 60.0
    steady_s: float = 60.0  # of LIVE after which the backoff starts anew

    # https://docs.etherscan.io/resources/rate-limits: 3 calls a second and 100,000 a day without paying.
    gap_s: float = 0.4  # between two requests; three to five a block make some 30,000 a day
    every_s: float = 12.0  # a block of ethereum
    lag_blocks: int = 2  # behind the newest: what lies so deep is hardly ever replaced
    most_behind: int = 25  # blocks, five minutes; what lies further back is passed over
    tries: int = 5  # of one request
    request_timeout_s: float = 15.0
    max_body_bytes: int = 8 * 2**20  # a full block with all its calldata is about 2 MB
    refused_wait_s: float = 300.0  # after a 403
    key_wait_s: float = 600.0  # after a key was refused: a new one takes minutes to work

    ids_kept: int = 5000  # transfers that are remembered, to know them again
