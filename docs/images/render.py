#!/usr/bin/env python3
"""Make the picture of a drill's report: ``render.py EVIDENCE.md drill-report.png``.

Needs markdown-it-py (it is in .venv), and Chromium with a font that has the marks: on Debian
``apt-get install chromium-headless-shell fonts-dejavu-core fonts-noto-color-emoji``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

STYLE = """
body { font: 15px/1.5 "DejaVu Sans", sans-serif; color: #1f2328; background: #fff; width: 900px; margin: 24px }
h1 { font-size: 24px; border-bottom: 1px solid #d1d9e0; padding-bottom: 6px } h2 { font-size: 18px }
table { border-collapse: collapse } th, td { border: 1px solid #d1d9e0; padding: 4px 10px; text-align: left }
thead:has(th:empty):not(:has(th:not(:empty))) { display: none }
code { font: 13px "DejaVu Sans Mono", monospace; background: #eff1f3; border-radius: 4px; padding: 1px 4px }
"""
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")


def page(markdown: str) -> str:
    """Return the report as a page of HTML."""
    body = MarkdownIt("commonmark").enable("table").render(markdown)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{body}"


def picture(html: str, target: Path, height: int) -> None:
    """Write the page as a PNG of 948 pixels' width."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"error: none of {', '.join(BROWSERS)} was found")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.html"
        source.write_text(html)
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        subprocess.run(
            [
                *(
                    browser,
                    "--headless",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    *root,
                    f"--user-data-dir={folder}/profile",
                ),
                *(f"--window-size=948,{height}", f"--screenshot={target.resolve()}", source.as_uri()),
            ],
            check=True,
            timeout=120,
        )


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text()
    # The browser takes the window, not the page: its height follows from the lines of the report.
    picture(page(text), Path(sys.argv[2]), height=40 + 33 * sum(1 for line in text.splitlines() if line.strip()))
