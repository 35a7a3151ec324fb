"""What operators use: history, replay, pauses, the state of things."""
