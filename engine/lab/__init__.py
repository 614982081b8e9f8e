"""The laboratory: what is measured about markets, ours and real ones. Nothing but the command line imports it."""
