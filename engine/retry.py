"""Attempt number to delay. No clock; the jitter is a hash of delivery and attempt."""
