#!/usr/bin/env python3
"""Draw the page of the status from the tests' data: status.png (a desk, light), status-phone.png (a phone, dark).

Run it from the clone's root: ``PYTHONPATH=. docs/images/status.py``. Needs Chromium, as render.py does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from automation.overview import page
from tests import browser
from tests.overview_sample import overview

HERE = Path(__file__).parent
DESK, PHONE = 1180, 375  # pixels
HEIGHTS = {DESK: 1310, PHONE: 1150}  # what is below is not drawn


def main() -> None:
    """Draw both."""
    program = browser.find()
    if program is None:
        sys.exit(f"error: none of {', '.join(browser.BROWSERS)} was found")
    shown = overview()
    some = tuple(one for one in shown.environments if one.name in {"local", "production", "staging"})
    shown = shown.model_copy(update={"environments": some})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        file = Path(name) / "index.html"
        file.write_text(page.render(shown))
        with browser.browsing(program, Path(name)) as started:
            for width, dark, target in ((DESK, False, "status.png"), (PHONE, True, "status-phone.png")):
                started.open(file.as_uri(), width=width, dark=dark)
                if width == PHONE:
                    started.run("document.querySelector('main > section:nth-child(2)').scrollIntoView()")
                started.picture(HERE / target, height=HEIGHTS[width], top="window.scrollY")


if __name__ == "__main__":
    main()
