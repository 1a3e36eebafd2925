"""Text that tries to be more than text."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "```\n</details>\n# forged", "@everyone", "fix #12", "GH-34", "acme/platform#5", "<!-- dogitops {} -->", "a|b|c",
    "<script>alert(1)</script>", "</code></summary>", "\u202eevil\u202c", "zero\u200bwidth\u2060\ufeff", "[x](http://evil)",
    "![i](http://evil/i.png)", "https://evil.example", "www.evil.example", "`" * 40, "``` ```", "*b* _e_ ~~s~~ $m$",
    "- item", "> quote", "1. one", "| a |\n| - |", "\\", "&lt;b&gt; &#64;x", "a\x00b\x1b[31m\r\n\tc",
    "\U000e0041tag", ":key:",
    "e" + "\u0301" * 50, "\u3164", "x\ud800y", "", " ", "_a_", "me@example.com", "    indented",
    "===", "---", "`", "`a", "a`",
)  # fmt: skip
nasty = st.sampled_from(NASTY) | st.text(max_size=30)
texts = st.lists(nasty, max_size=4).map("".join)
