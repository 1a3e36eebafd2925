"""Pinned tools and images: catalogue, install, build, registry, docker engine."""
