"""From a post to a number with its doubt."""
