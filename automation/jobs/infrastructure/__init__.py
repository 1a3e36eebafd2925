"""What OpenTofu makes: planned, looked at, applied, destroyed."""
