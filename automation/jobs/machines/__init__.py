"""Clusters of single machines: brought up, kept, enlarged."""
