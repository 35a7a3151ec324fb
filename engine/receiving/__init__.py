"""What the receivers are made of: credentials, bodies, refusals, answers."""
