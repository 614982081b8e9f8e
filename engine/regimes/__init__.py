"""Regimes: what kind of market it is, by thresholds each second and by a factor model every five minutes."""
