"""The settings under `[chain]`: public chains watched beside a live session."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine.feeds.chain_options import LEAST, ChainOptions, EtherscanKey
from engine.feeds.network import is_here

_OPTIONS = ChainOptions()
Ws = Annotated[str, Field(pattern=r"^(wss?://[^\s/]+|$)")]
Amount = Annotated[float, Field(ge=1e-6, le=1e12)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EtherscanSettings(_Part):
    url: str = _OPTIONS.etherscan
    api_key: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _private(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or set("?# ") & set(value):
            raise ValueError("expected https:// and no ? or # in it; the key has its own place")
        if parts.scheme == "http" and not is_here(value):
            raise ValueError("expected https://, found http://: the key could be read on the way")
        return value

    @field_validator("api_key")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value():
            EtherscanKey(value.get_secret_value())
        return value

    @property
    def key(self) -> EtherscanKey | None:
        if not self.api_key or not self.api_key.get_secret_value():
            return None
        return EtherscanKey(self.api_key.get_secret_value())


class LeastSettings(_Part):
    """From which amount on a transfer is told, in the asset's unit."""

    btc: Amount = LEAST["BTC"]
    eth: Amount = LEAST["ETH"]
    usdt: Amount = LEAST["USDT"]
    usdc: Amount = LEAST["USDC"]


class ChainSettings(_Part):
    """Nobody is asked unless `on`. An empty address leaves that source out; Etherscan needs a key."""

    on: bool = False
    blockchain: Ws = _OPTIONS.blockchain
    mempool: Ws = _OPTIONS.mempool
    etherscan: EtherscanSettings = EtherscanSettings()
    least: LeastSettings = LeastSettings()

    def options(self) -> ChainOptions:
        """What the sources are told, the key included."""
        return ChainOptions(
            blockchain=self.blockchain,
            mempool=self.mempool,
            etherscan=self.etherscan.url,
            key=self.etherscan.key,
            least={name.upper(): amount for name, amount in self.least.model_dump().items()},
        )
