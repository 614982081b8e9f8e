"""The engine: sources emit events, one core folds them into state, frames show the state."""
