"""The store: the one owner of truth and time."""
