"""What tests look for in pictures: nothing but shapes and text, legible, for any label, with and without Graphviz."""

from __future__ import annotations

import importlib.metadata
from xml.etree import ElementTree

import pytest

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>", "]]>", "\"'&<>", "a\0b", "👩‍👩‍👧 e\u0301", "שלום \u202eabc", "x" * 10_000, "\\N\\G\\",
    "line\nbreak", "\ud800", "漢字" * 20, "--> end", "%%{init}%%", "`md`", "", " ",
]  # fmt: skip


# Runs in a page: the number of texts, the smallest one's size, and what is wrong with some.
LEGIBLE = """(() => {
    const box = e => e.getBoundingClientRect(), texts = [...document.querySelectorAll("svg text")], bad = [];
    let smallest = Infinity;
    for (const [i, text] of texts.entries()) {
        const a = box(text), size = parseFloat(getComputedStyle(text).fontSize);
        smallest = Math.min(smallest, size);
        const card = text.closest(".card")?.querySelector(".box");
        if (card && (a.left < box(card).left || a.right > box(card).right || a.bottom > box(card).bottom))
            bad.push(["sticks out", text.textContent]);
        for (const other of texts.slice(0, i)) {
            const b = box(other);
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 1 && high > 2) bad.push(["overlap", text.textContent, other.textContent]);
        }
    }
    return [texts.length, smallest, bad];
})()"""


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def check_svg(svg: str) -> None:
    root = parsed(svg)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
    for element in root.iter():
        assert not any(name.lower().startswith("on") or "href" in name for name in element.attrib)
        assert "style" not in element.attrib  # a page with a strict policy would drop it
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert root.attrib["role"] == "img"
    assert all(name in ids for name in root.attrib["aria-labelledby"].split())


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
    monkeypatch.setattr(importlib.metadata, "files", missing)
