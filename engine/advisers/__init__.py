"""Advisers: what they say of a market each second, how it is weighed, and how often they were right.

One file an adviser. Read `sight` (what an adviser sees and answers), then `each_second` (how an answer becomes
advice with a probability, is marked at its horizon, and is weighed by the coordinator).
"""
