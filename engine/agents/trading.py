"""What an agent may see, remember and say: the columns of the plain arrays between a market and its agents.

Prices are ticks, sizes seen are base units (BTC), sizes said are lots, times seconds since the session began.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VENUES = 2  # rows that the arrays have; a market of one venue leaves the second alone

# Sight, shape (VENUES, SIGHT): what is public on a venue, written by the market before every decision.
BID = 0  # best bid, ticks, NaN where that side is empty
ASK = 1
FAIR = 2  # what the flow so far says the price should be, ticks
SIGMA = 3  # volatility over the last seconds, ticks / sqrt(s)
CALM = 4  # the same over many minutes
BUY_RATE = 5  # intensity of liquidity takers that buy, a second and a unit of noise agents
SELL_RATE = 6
FUNDAMENTAL = 7  # what informed agents know, ticks
SENTIMENT = 8  # -1..1
DOUBT = 9  # uncertainty of the sentiment, 0..1
CROWD = 10  # share of informed agents that follow sentiment
NOW = 11  # s
STEP = 12  # s since the last decision
SIGHT = 13

# Traits, shape (agents, TRAITS): what makes one agent different from its family, drawn once.
TRAIT_SIZE = 0  # its size over the family's
TRAIT_RISK = 1  # its risk aversion, or its threshold, over the family's
TRAITS = 2

MEMORY = 16  # columns of (agents, MEMORY): a family names its own

# Orders, shape (ORDERS, SAID): what `decide` writes, row by row, and returns the number of.
VENUE = 0
KIND = 1  # engine.kernels.matching_state.Do, or TRANSFER
SIDE = 2  # 0 buy, 1 sell
PRICE = 3  # ticks
LOTS = 4  # 0 in a slot: cancel what rests there
SLOT = 5  # the agent's own place for a resting order; -1: this order never rests
SAID = 6
ORDERS = 32

TRANSFER = 100  # move LOTS of inventory to VENUE from the other one

BUY, SELL = 0, 1
SLOTS = 12  # resting orders an agent may have on a venue
