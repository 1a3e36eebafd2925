"""Droplets that set themselves up: how far their first boot is, and what they are handed for it, all over SSH."""
