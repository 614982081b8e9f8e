"""Markets of the past: a story of recorded prices, and the order book that is reconstructed around them."""
