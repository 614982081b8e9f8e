"""A story of two hours with all that a story can have, small enough to look at every row."""

from __future__ import annotations

from engine.past.story import Story, parse

TEXT = '''kind = "replay"
about = "two hours"
begins = 2021-05-19T12:00:00Z
ends = 2021-05-19T14:00:00Z
seed = 7
hours_source = 1
hours = """
2021-05-19 12 | 100 104 97 103 2.5 | 100.5 104.2 97.5 103.1 900
2021-05-19 13 | 103 109 90 95 9 | 103.1 110 91 96.5 4000
"""
path = """
2021-05-19 12:20 | lead | close | 98.5 | 1
2021-05-19 13:15 | lead | low | 90 | 1
2021-05-19 13:24 | second | close | 97 | 0
"""
facts = """
2021-05-19 13:14 | lead | 10 | -9 | 1
"""
[[venues]]
name = "lead"
symbol = "XUSD"
base = "X"
quote = "USD"
tick_size = "0.05"
lot_size = "0.01"
volume = "quote_millions"

[[venues]]
name = "second"
symbol = "XUSDT"
base = "X"
quote = "USDT"
tick_size = "0.001"
lot_size = "0.001"

[[sources]]
title = "a newspaper"
gives = "all of it"

[[events]]
at = 2021-05-19T12:30:00Z
text = "something happens"
source = 1

[[events]]
at = 2021-05-19T13:18:00Z
until = 2021-05-19T13:25:00Z
disorderly_until = 2021-05-19T13:30:00Z
kind = "outage"
venue = "lead"
low = 91.0
high = 91.5
text = "lead is down"
source = 1

[[chapters]]
name = "the fall"
begins = 2021-05-19T13:10:00Z
ends = 2021-05-19T13:13:00Z

[[days]]
date = 2021-05-19T00:00:00Z
fear_greed = 12
comments = 2400
source = 1

[recipe]
spread_size = 25.0
depth = 5000.0
'''


def two_hours() -> Story:
    return parse(TEXT, "two.toml", "two")
