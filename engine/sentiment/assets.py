"""Which assets a post speaks of: by name, by ticker, by cashtag, or by where it was written.

Names and tickers that mean nothing else count wherever they stand as words. A ticker that means other things
too counts as a cashtag or in a pair; in capitals also where the text speaks of the market (SOL, ADA), or only
where it does so nearby (ONE, LINK, NEAR). Names that are words of their own (avalanche, polygon) count near a
word of the market. No assets rather than wrong ones.
"""

from __future__ import annotations

import re

MOST = 8  # assets of one post: more is a list of everything, and says nothing of each
NEAR_TOKENS = 3  # how far from an ambiguous word its context may stand


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# ticker -> names and tickers that mean nothing else, lower case; two words stand for two words
_PLAIN: dict[str, str] = {
    "BTC": "btc xbt bitcoin bitcoins 比特币 биткоин биткойн ビットコイン",
    "ETH": "eth ethereum ether 以太坊 эфириум イーサリアム",
    "XRP": "xrp",
    "BNB": "bnb binance_coin",
    "SOL": "solana",
    "DOGE": "doge dogecoin",
    "ADA": "cardano",
    "TRX": "trx",
    "LTC": "ltc litecoin",
    "BCH": "bch bitcoin_cash",
    "BSV": "bsv bitcoin_sv",
    "ETC": "ethereum_classic",
    "LINK": "chainlink",
    "DOT": "polkadot",
    "AVAX": "avax",
    "MATIC": "matic",
    "SHIB": "shib shiba_inu",
    "UNI": "uniswap",
    "XMR": "xmr monero",
    "XLM": "xlm stellar_lumens",
    "ALGO": "algorand",
    "HBAR": "hbar hedera",
    "VET": "vechain",
    "FIL": "filecoin",
    "ICP": "internet_computer",
    "XTZ": "xtz tezos",
    "ATOM": "cosmos_hub",
    "NEAR": "near_protocol",
    "APT": "aptos",
    "ARB": "arbitrum",
    "AAVE": "aave",
    "MKR": "mkr makerdao",
    "FTM": "ftm",
    "GRT": "grt",
    "RUNE": "thorchain",
    "INJ": "injective",
    "TIA": "celestia",
    "TON": "toncoin",
    "SUI": "",
    "PEPE": "pepecoin",
    "WIF": "dogwifhat",
    "CAKE": "pancakeswap",
    "ZEC": "zec zcash",
    "KAS": "kaspa",
    "TAO": "bittensor",
    "USDT": "usdt tether",
    "USDC": "usdc",
    "ONE": "harmony_one",
    "MANA": "decentraland",
    "LUNA": "terra_luna",
}
# ticker -> names that are words of their own
_NAMES: dict[str, str] = {
    "AVAX": "avalanche",
    "MATIC": "polygon",
    "XRP": "ripple",
    "TRX": "tron",
    "XLM": "stellar",
    "ATOM": "cosmos",
    "FTM": "fantom",
    "LUNA": "luna",
    "PEPE": "pepe",
    "SUI": "sui",
    "RUNE": "rune",
}
# In capitals these are seldom anything else, in a text about the market.
_CAPITALS = _set("SOL ADA DOT UNI ALGO LUNA INJ TIA SUI PEPE WIF KAS TAO ICP FIL APT ARB")
# These are words or abbreviations even there. OP, who wrote the post, is left to cashtags and pairs.
_COMMON = _set("ETC LINK VET ATOM NEAR TON CAKE ONE MANA CRV SAND RUNE APE GALA")
_CASHTAGS = frozenset(("OP",))
_MARKET = _set(
    "coin coins token tokens price prices buy buying buys bought sell selling sold hold holding holder "
    "holders hodl hodling long short longs shorts shorting stake staking staked bag bags bagholder moon "
    "mooning pump pumps pumping pumped dump dumps dumping dumped ath atl chart charts bullish bearish "
    "rally rallies rallying crypto blockchain altcoin altcoins alt alts market marketcap mcap usd usdt "
    "wallet airdrop invest investing invested investment investments portfolio trade trading traded dip "
    "support resistance breakout swap bridge validator validators network chain transaction transactions "
    "fee fees scam shitcoin ecosystem defi undervalued overvalued etf listing"
)
_QUOTES = ("USDT", "USDC", "PERP", "USD", "EUR", "BTC")
_SUBREDDITS = {
    "bitcoin": ("BTC",),
    "bitcoinmarkets": ("BTC",),
    "btc": ("BTC",),
    "ethereum": ("ETH",),
    "ethtrader": ("ETH",),
    "ethfinance": ("ETH",),
    "solana": ("SOL",),
    "dogecoin": ("DOGE",),
    "cardano": ("ADA",),
    "ripple": ("XRP",),
    "monero": ("XMR",),
}

_KNOWN = frozenset(_PLAIN) | frozenset(_NAMES) | _CAPITALS | _COMMON | _CASHTAGS
_WORDS = {
    word.replace("_", " "): ticker
    for ticker, words in _PLAIN.items()
    for word in words.split()
    if word.isascii()
}
_DOUBTFUL = {word: ticker for ticker, words in _NAMES.items() for word in words.split()}
_PAIRS = frozenset(word.partition(" ")[0] for word in _WORDS if " " in word)
# Scripts that set no spaces, or change the ends of words: these are looked for anywhere.
_OTHERS = {word: ticker for ticker, words in _PLAIN.items() for word in words.split() if not word.isascii()}
_LINK = re.compile(r"https?://\S*|\bwww\.\S*", re.IGNORECASE)
# Only ASCII letters make a word longer: BTC的 is BTC.
_TOKEN = re.compile(r"(\$?)([A-Za-z][A-Za-z0-9]*)(?:[/-](USDT|USDC|USD|EUR|BTC)\b)?")


def assets_of(text: str) -> tuple[str, ...]:
    """Tickers in the order in which the text first speaks of them, at most MOST; none if none fits.

    >>> assets_of("Sold my bitcoin for $one, one of the best. ETH/USDT next?")
    ('BTC', 'ONE', 'ETH')
    """
    tokens = _TOKEN.findall(_LINK.sub(" ", text))
    words = [word.lower() for _, word, _ in tokens]
    shouted = _is_shouted([word for _, word, _ in tokens])
    about_market = any(word in _MARKET or word in _WORDS for word in words)
    found: dict[str, None] = {}
    for at, (dollar, word, quote) in enumerate(tokens):
        low, upper = words[at], word.upper()
        pair = f"{low} {words[at + 1]}" if low in _PAIRS and at + 1 < len(words) else ""
        if dollar:
            if upper in _KNOWN:
                found[upper] = None
        elif pair in _WORDS:
            found[_WORDS[pair]] = None
        elif low in _WORDS:
            found[_WORDS[low]] = None
        elif word.isupper() and (base := _base_of(word, quote)):
            found[base] = None
        elif not shouted and (
            (word in _CAPITALS and about_market) or (word in _COMMON and _near_market(words, at))
        ):
            found[word] = None
        elif low in _DOUBTFUL and _near_market(words, at):
            found[_DOUBTFUL[low]] = None
    if not text.isascii():
        low_text = text.lower()
        found |= dict.fromkeys(ticker for word, ticker in _OTHERS.items() if word in low_text)
    return tuple(found)[:MOST]


def implied_by(source: str) -> tuple[str, ...]:
    """What a post speaks of that names no asset, by where it stands: `reddit:Bitcoin` is about BTC."""
    site, _, name = source.partition(":")
    if site == "reddit":
        return _SUBREDDITS.get(name.lower(), ())
    return ("BTC",) if site == "fear-greed" else ()  # the index is made from Bitcoin's market


def _base_of(word: str, quote: str) -> str:
    """The base of a pair such as SOL/USDT or SOLUSDT; empty where there is none that we know."""
    if quote:
        return word if word in _KNOWN else ""
    for ending in _QUOTES:
        if word.endswith(ending) and word[: -len(ending)] in _KNOWN:
            return word[: -len(ending)]
    return ""


def _near_market(words: list[str], at: int) -> bool:
    """Whether a word of the market, or another asset, stands within NEAR_TOKENS words."""
    around = words[max(0, at - NEAR_TOKENS) : at] + words[at + 1 : at + 1 + NEAR_TOKENS]
    return any(word in _MARKET or word in _WORDS for word in around)


def _is_shouted(words: list[str]) -> bool:
    """Whether capitals mean nothing, because most of the text is in them."""
    long = [word for word in words if len(word) > 1]
    return len(long) >= 4 and sum(word.isupper() for word in long) > 0.6 * len(long)
