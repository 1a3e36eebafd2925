"""GitHub: what started us, and what we say, ask and keep there (works with ``.github/``)."""
