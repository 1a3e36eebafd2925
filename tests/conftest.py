"""What every test needs."""

from __future__ import annotations

import signal

# A shell that starts us in the background has SIGINT ignored, and so would every program that we interrupt in a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
