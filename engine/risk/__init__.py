"""What those who trade here could lose: value at risk, shortfall, drawdown, exposure, sizes, and whether it held."""
