"""One module per transport, and a literal table of them."""
