"""dogitops: environments described in Git, changed by pull request, proven recoverable by drills.

Imports run one way: cli, jobs, rooms, ground. The ground is the modules directly in this package.
"""

__version__ = "0.1.0"
