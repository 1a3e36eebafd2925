"""How environments are."""
