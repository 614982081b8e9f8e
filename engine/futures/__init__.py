"""What-if: a market forked into pairs of futures."""
