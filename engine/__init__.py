"""NSPS: an ESPF event in, every external system in step."""
