"""DigitalOcean: the one checked seam over its API, clusters made there, and what is ours in an account."""
