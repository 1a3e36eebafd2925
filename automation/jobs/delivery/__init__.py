"""What clusters run, and its secrets."""
