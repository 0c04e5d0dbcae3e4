"""The Chinese texts say what the English ones do: the same commands, the same lessons, links that lead somewhere."""

from __future__ import annotations

import doctest
import re

import pytest

from demos.__main__ import stories
from demos.course import LESSONS
from tests.pythons import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
COURSE = ROOT / "demos" / "course" / "README.zh-CN.md"


def blocks(path, kind):
    """What stands in the fenced blocks of a kind, "" for those that name none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == kind]


def test_the_commands_are_the_readmes():
    assert blocks(CHINESE, "sh") == blocks(ENGLISH, "sh")
    assert len(blocks(CHINESE, "sh")) == 2
    usage = "python -m demos.course [--quick] [lesson ...]\n"
    assert usage in blocks(ENGLISH, "")
    assert usage in blocks(CHINESE, "")


@pytest.mark.parametrize("path", [ENGLISH, CHINESE, COURSE], ids=lambda path: path.name)
def test_the_lessons_are_listed_in_order(path):
    rows = re.findall(r"^\| (\d+) \| \[`(\w+)`\]\((\S+)\) \| \S.* \|$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(int(number), name) for number, name, _ in rows] == list(enumerate(LESSONS, 1))
    for _, name, link in rows:
        assert (path.parent / link).resolve() == COURSE.parent / f"{name}.py"


def test_each_lesson_has_its_part_and_its_command():
    text = COURSE.read_text(encoding="utf-8")
    heads = re.findall(r"^## (\d+)\. `(\w+)`：\S", text, re.MULTILINE)
    assert [(int(number), name) for number, name in heads] == list(enumerate(LESSONS, 1))
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    for name, part in zip(LESSONS, parts, strict=False):
        assert f"```\npython -m demos.course {name}\n```" in part
        assert "说**：" in part
        assert "**怎么看出来**：" in part
    assert set(LESSONS) <= set(stories(COURSE.parent))


@pytest.mark.parametrize("path", [ENGLISH, CHINESE, COURSE], ids=lambda path: path.name)
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#\S*)?\)", path.read_text(encoding="utf-8"))
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_each_leads_to_the_other():
    assert "[简体中文](README.zh-CN.md)" in ENGLISH.read_text(encoding="utf-8")
    assert "[English](README.md)" in CHINESE.read_text(encoding="utf-8")
    assert "(demos/course/README.zh-CN.md)" in CHINESE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [CHINESE, COURSE], ids=["README", "course"])
def test_the_examples_hold(path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = path.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert bool(test.examples) == (path == CHINESE)
    for code in blocks(path, "python"):
        if ">>>" not in code:
            exec(code.replace("ag.debug(", "print("), {})
            assert "dL/d" in capsys.readouterr().out
            assert (tmp_path / "xor.svg").exists()
