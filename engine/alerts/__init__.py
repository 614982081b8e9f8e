"""Alert rules as part of State: what holds, since when, what was told of it, and what was held back."""
