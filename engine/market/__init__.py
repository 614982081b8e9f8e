"""The simulated market: two venues over the matching engine, agents' inventory books, and a source of its rows."""
