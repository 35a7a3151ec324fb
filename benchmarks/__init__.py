"""Programs that measure; nothing here is a test. `make bench` runs them all side by side and prints ratios."""
