"""Helpers of the fault tests: a follower of batches that shares nothing with the engine's books."""
