"""Stand-ins that keep state for services which a test can't have: each speaks the real API to real clients."""
