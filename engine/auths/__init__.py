"""One module per auth kind, and a literal table of them."""
