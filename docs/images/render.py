#!/usr/bin/env python3
"""Draw Markdown as GitHub shows it: ``render.py PAGE.md PICTURE.png [--width 900] [--height 1200]``.

Without a height the picture is as high as the page. Needs markdown-it-py (it is in .venv), and Chromium with fonts
that have the marks: on Debian ``apt-get install chromium-headless-shell fonts-dejavu-core fonts-noto-color-emoji``.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt

# GitHub's own colours and measures, in the light theme.
STYLE = """
* { box-sizing: border-box }
body { font: 14px/1.5 -apple-system, "Noto Sans", "DejaVu Sans", sans-serif; color: #1f2328; background: #fff;
  margin: 0; padding: 16px; overflow-wrap: break-word }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: 5px } h1 { font-size: 28px } h2 { font-size: 21px }
h3 { font-size: 17.5px } h1, h2, h3 { margin: 24px 0 16px; line-height: 1.25 } body > :first-child { margin-top: 0 }
p, ul, pre, table, details, .alert { margin: 0 0 16px } details > :not(summary) { margin-left: 0 }
summary + * { margin-top: 8px } summary { cursor: default }
ul { padding-left: 28px } hr { height: 3px; background: #d1d9e0; border: 0; margin: 24px 0 } sub { font-size: 75% }
a { color: #0969da; text-decoration: none }
table { border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; text-align: left } tr:nth-child(2n) td { background: #f6f8fa }
thead:has(th:empty):not(:has(th:not(:empty))) { display: none }
code { font: 85% "DejaVu Sans Mono", monospace; background: #eff1f3; border-radius: 6px; padding: 2px 5px }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: hidden; line-height: 1.45 }
pre code { background: none; padding: 0; font-size: 11.9px; white-space: pre }
.add { color: #116329; background: #dafbe1 } .del { color: #82071e; background: #ffebe9 }
.chg { color: #953800; background: #ffd8b5 } .hunk { color: #8250df; font-weight: bold } .note { color: #59636e }
.alert { border-left: 4px solid; padding: 8px 16px } .alert > :last-child { margin-bottom: 0 }
.alert > b { display: block; margin-bottom: 12px; font-weight: 500 }
.CAUTION { border-color: #cf222e } .CAUTION > b { color: #d1242f }
.WARNING { border-color: #9a6700 } .WARNING > b { color: #9a6700 }
.NOTE { border-color: #0969da } .NOTE > b { color: #0969da }
.IMPORTANT { border-color: #8250df } .IMPORTANT > b { color: #8250df }
.TIP { border-color: #1a7f37 } .TIP > b { color: #1a7f37 }
"""
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
HIGHEST = 16_000  # pixels; Chromium draws no picture that is higher
_COLOURS = {"+": "add", "-": "del", "!": "chg", "@": "hunk", "#": "note"}
_ALERT = re.compile(r"<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\](?:<br>)?\s*", re.DOTALL)
_DIFF = re.compile(r'<pre><code class="language-diff">(.*?)</code></pre>', re.DOTALL)


def page(markdown: str) -> str:
    """Return the Markdown as a page of HTML, with what GitHub adds to it: alerts and coloured diffs."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    body = _DIFF.sub(lambda found: f"<pre><code>{_coloured(found[1])}</code></pre>", body)
    while found := _ALERT.search(body):
        end = body.index("</blockquote>", found.end())
        inner = re.sub(r"^</p>", "", f"<p>{body[found.end() : end]}".replace("<p></p>", "", 1))
        title = f"<b>{found[1].capitalize()}</b>"
        rest = body[end + len("</blockquote>") :]
        body = f'{body[: found.start()]}<div class="alert {found[1]}">{title}{inner}</div>{rest}'
    head = '<meta charset=utf-8><meta name=viewport content="width=device-width">'
    return f"<!doctype html>{head}<style>{STYLE}</style><body>{body}"


def _coloured(block: str) -> str:
    lines = []
    for line in block.rstrip("\n").split("\n"):
        colour = _COLOURS.get(html.unescape(line)[:1])
        lines.append(f'<span class="{colour}">{line}</span>' if colour else line)
    return "\n".join(lines)


def picture(source: str, target: Path, width: int, height: int | None) -> None:
    """Write the page as a PNG; without a height, as high as the page is."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"error: none of {', '.join(BROWSERS)} was found")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        if height is None:
            # The browser takes a picture of its window, not of the page: ask the page first how high it is.
            measure = "<script>document.title = document.documentElement.scrollHeight</script>"
            file.write_text(source + measure)
            told = _browse(browser, folder, file, width, 100, "--dump-dom")
            found = re.search(r"<title>(\d+)</title>", told)
            height = min(HIGHEST, int(found[1]) if found else HIGHEST)
        file.write_text(source)
        _browse(browser, folder, file, width, height, f"--screenshot={target.resolve()}")


def _browse(browser: str, folder: str, file: Path, width: int, height: int, *options: str) -> str:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    quiet = ["--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile", *root]
    argv = [browser, *quiet, f"--window-size={width},{height}", *options, file.as_uri()]
    return subprocess.run(argv, check=True, timeout=120, stdout=subprocess.PIPE, text=True).stdout


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(prog="render.py", description=__doc__)
    parser.add_argument("markdown", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=900, help="in pixels; a phone has 390")
    parser.add_argument("--height", type=int, help="in pixels; what is below is not drawn")
    options = parser.parse_args(argv)
    picture(page(options.markdown.read_text()), options.picture, options.width, options.height)


if __name__ == "__main__":
    main()
