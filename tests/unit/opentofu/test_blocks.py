from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automation.opentofu.policy import blocks
from automation.opentofu.policy.blocks import Block, Waiver

TRICKY = """\
# a comment { with a brace
/* and another {
   # dogitops:allow inside_of_a_long_comment it counts, too
*/
resource "a" "first" { // "a quote
  name  = "brace } and \\" quote # no comment"
  other = "template ${lookup({ a = "}" }, "a")} and $${not one}"
  text  = <<-EOT
    resource "not" "a block" {
    # dogitops:allow nothing it is text
    EOT
  list = [{ a = 1 }, { b = 2 }]
}

locals { a = 1 }
# above, but not right above

// right above
# dogitops:allow one why
data "b" "second" {
  nested {
    # dogitops:allow two  the other reason
    c = 1 # dogitops:allow three at the end of a line
  }
}
"""


def test_blocks_are_found_among_comments_strings_templates_and_heredocs() -> None:
    assert blocks.read(TRICKY).blocks == (
        Block("resource", ("a", "first"), 1, 5, 13),
        Block("locals", (), 15, 15, 15),
        Block("data", ("b", "second"), 18, 20, 25),
    )


def test_waivers_are_found_in_comments_only() -> None:
    assert blocks.read(TRICKY).waivers == (
        Waiver("inside_of_a_long_comment", "it counts, too", 3),
        Waiver("one", "why", 19),
        Waiver("two", "the other reason", 22),
        Waiver("three", "at the end of a line", 23),
    )


def test_a_line_belongs_to_the_block_around_it_and_to_the_comments_right_above() -> None:
    layout = blocks.read(TRICKY)
    assert layout.around(16) is None
    assert layout.around(18) == layout.around(22) == layout.find("data", "b", "second")


def test_a_waiver_may_lack_its_rule_or_its_reason() -> None:
    read = blocks.read("# dogitops:allow\n# dogitops:allow ownership\n/* dogitops:allow ownership */\n").waivers
    assert read == (Waiver("", "", 1), Waiver("ownership", "", 2), Waiver("ownership", "", 3))


def test_windows_line_ends_change_nothing() -> None:
    assert blocks.read(TRICKY.replace("\n", "\r\n")) == blocks.read(TRICKY)


PIECES = ["{", "}", '"', "${", "#", "/*", "*/", "<<EOT\n", "EOT", "\n", "a", " ", "\\", "[", ")", "dogitops:allow x y"]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_text_is_too_odd(pieces: list[str]) -> None:
    text = "".join(pieces)
    layout = blocks.read(text)
    lines = text.count("\n") + 1
    assert all(1 <= block.first <= block.line <= block.last <= lines for block in layout.blocks)
    assert all(1 <= waiver.line <= lines for waiver in layout.waivers)


@given(st.lists(st.sampled_from([piece for piece in PIECES if piece not in {"}", "{", "*/"}]), max_size=30))
def test_a_string_hides_whatever_stands_in_it(pieces: list[str]) -> None:
    value = "".join(pieces).replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("\n", "\\n")
    layout = blocks.read(f'a "b" {{\n  c = "{value}"\n}}\n')
    assert layout.blocks == (Block("a", ("b",), 1, 1, 3),)
    assert layout.waivers == ()
