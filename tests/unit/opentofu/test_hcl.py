"""Reading module sources: where they stand, and where something only looks like one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.opentofu import hcl

EVERYTHING = r"""
# module "commented" { source = "./no-1" }
// module "commented" { source = "./no-2" }
/* module "commented" {
  source = "./no-3"
} */
module "one" {
  source = "./yes-1" # the first
  providers = { source = "./no-4" }
  settings = {
    source = "./no-5"
  }
  text = <<-EOT
    module "inside" {
      source = "./no-6"
    }
  EOT
  escaped = "a \" } source = \"./no-7\" $${ %%{ \\"
  nested  = "x ${join("}", ["source = \"./no-8\"", "${"}"}"])} {"
}
module "two" { source = "./yes-2" }
module "three"{
  /* before */ source /* between */ = /* and */ "../yes-3"
  count = 2
}
module three_without_quotes {
  source = "../yes-4"
}
resource "thing" "source" {
  source = "./no-9"
  module "odd" {
    source = "./no-10"
  }
}
terraform {
  required_providers {
    x = { source = "./no-11" }
  }
}
locals { module = "x", source = "./no-12" }
module "from_elsewhere" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "1.0.0"
}
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    return tmp_path


def test_sources_are_found_in_module_blocks_alone(tmp_path: Path) -> None:
    found = hcl.used(folder(tmp_path, main__tf=EVERYTHING)).modules
    assert found == ("./yes-1", "./yes-2", "../yes-3", "../yes-4", "terraform-aws-modules/vpc/aws")


def test_strings_are_found_with_their_templates_as_written(tmp_path: Path) -> None:
    text = 'x = templatefile("${path.module}/a \\"b\\".tftpl", { y = "z" }) # "no"\n'
    assert hcl.used(folder(tmp_path, main__tf=text)).strings == ('${path.module}/a \\"b\\".tftpl', "z")


@pytest.mark.parametrize("name", ["main.tf", "main.tofu"])
def test_both_endings_of_configuration_are_read_and_no_other(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('module "a" { source = "./a" }')
    (tmp_path / "notes.txt").write_text('module "b" { source = "./b" }')
    assert hcl.used(tmp_path).modules == ("./a",)


@pytest.mark.parametrize("calls", [{"a": {"source": "./a"}}, {"a": [{"source": "./a"}]}, [{"a": {"source": "./a"}}]])
def test_configuration_in_json_is_read_too(tmp_path: Path, calls: object) -> None:
    text = json.dumps({"module": calls, "locals": {"x": ["${path.module}/y"]}})
    found = hcl.used(folder(tmp_path, main__tf__json=text))
    assert found.modules == ("./a",)
    assert "${path.module}/y" in found.strings


@pytest.mark.parametrize(
    "text", ["{", "[]", '"x"', '{"module": 1}', '{"module": {"a": 1}}', '{"module": {"a": {"source": 1}}}']
)
def test_json_that_is_no_configuration_names_no_modules(tmp_path: Path, text: str) -> None:
    assert hcl.used(folder(tmp_path, main__tf__json=text)).modules == ()


@pytest.mark.parametrize(
    "text", ['module "a" { source = "./a', "x = <<EOT\nnever ends", 'x = "${', "/* never ends", "}}}"]
)
def test_unfinished_configuration_is_read_as_far_as_it_goes(tmp_path: Path, text: str) -> None:
    found = hcl.used(folder(tmp_path, a__tf='module "b" { source = "./b" }\n', z__tf=text))
    assert "./b" in found.modules


@given(st.text(st.sampled_from('ab"${}%\\\n<EOT#/*= -module') | st.characters(), max_size=200))
def test_any_text_has_tokens(text: str) -> None:
    assert sum(len(token.text) for token in hcl.tokens(text)) <= len(text)
