"""What microtui costs: each `bench_*.py` has `run() -> dict[str, float]`, names carrying the unit."""
