"""What integrators use: reports, dry-run, tests, scaffolds, explanations."""
