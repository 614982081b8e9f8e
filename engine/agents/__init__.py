"""Agent families: a file each, with the family's parameters, where they come from, and its `decide`.

`decide` is jitted and pure but for its own agent's memory and random stream. It reads what everyone may know
(`engine.agents.trading`) and writes the orders it wants; whoever calls it, a simulated market or a paper venue
on a real book, carries them out.
"""
