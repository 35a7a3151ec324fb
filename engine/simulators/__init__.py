"""Systems to develop against: a PortaBilling with its ESPF, and a WTL HSS. Never a proof that a real one works."""
