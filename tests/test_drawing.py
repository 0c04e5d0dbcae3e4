"""Pictures of graphs: what they say, in every format, for any label, with and without Graphviz."""

from __future__ import annotations

import builtins
import importlib.metadata
import math
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Value, draw, draw_dot
from autograd.drawing import palette, rendering, text
from autograd.drawing.dot import quoted
from tests.golden import DRAWINGS, FOLDER, PICTURE, expression, readme, tower, wrong
from tests.looking import HOSTILE, LEGIBLE, SVG, check_svg, contrast, parsed, without_graphviz


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


# ── What a drawing says ─────────────────────────────────────────────────────────────────────────────────────


def test_no_gradient_is_shown_before_there_is_one():
    x, w = Value(2.0, "x"), Value(3.0, "w")
    y = (x * w).tanh()
    before = draw(y)
    assert all(word != "grad" for card in before.picture.cards for word, _ in card.rows)
    assert all(not edge.sign for edge in before.picture.edges)
    assert {card.tone for card in before.picture.cards} == {"plain"}
    assert "grad" not in " ".join(texts(before.svg()))
    assert "no gradients yet" in before.picture.words
    y.backward()
    after = draw(y).picture
    assert all(dict(card.rows)["grad"] for card in after.cards)
    assert "no gradients yet" not in after.words
    assert before.picture.largest is None  # a drawing shows the graph as it was


def test_a_node_that_no_gradient_reached_shows_none():
    x, y = Value(2.0, "x"), Value(5.0, "y")
    result = autograd.where(1.0, x * 3.0, y * 3.0)
    result.backward()
    shown = {card.title: dict(card.rows) for card in draw(result).picture.cards}
    assert "grad" in shown["x"]
    assert "grad" not in shown["y"]


def test_constants_are_no_nodes_and_have_no_gradient():
    x = Value(3.0, "x")
    y = autograd.clamp(2.0 - x**2 / 4.0, -1.0, 1.0)
    y.backward()
    cards = draw(y).picture.cards
    assert [card.title for card in cards] == ["x", "x²", "□ ÷ 4", "2 − □", "clamp"]
    assert [chip.text for chip in cards[-1].chips] == ["-1", "1"]
    assert all(chip.tone == "plain" and "grad" not in chip.tip for card in cards for chip in card.chips)


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda x: x**3, "x³"),
        (lambda x: x**-1, "x⁻¹"),
        (lambda x: x**0.5, "x ** 0.5"),
        (lambda x: 2.0**x, "2 ** x"),
        (lambda x: x**x, "xʸ"),
        (lambda x: -x, "−"),
        (lambda x: (x + x) * 2.0, "□ × 2"),
        (lambda x: x - 1, "x − 1"),
        (lambda x: 1 / x, "1 ÷ x"),
        (lambda x: x % 3, "x % 3"),
        (lambda x: x.relu(), "ReLU"),
        (lambda x: autograd.sum([x, x, 1.0]), "Σ"),
        (lambda x: autograd.leaky_relu(x), "leaky_relu"),
        (lambda x: autograd.maximum(x, 0.5), "maximum"),
    ],
)
def test_titles_are_what_one_would_write(make, title):
    assert draw(make(Value(2.0, "x"))).picture.cards[-1].title == title


def test_a_labelled_node_with_a_constant_reads_as_an_equation():
    y = Value(2.0, "x") - 1.0
    y.label = "y"
    assert draw(y).picture.cards[-1].title == "y = x − 1"


def test_edges_carry_local_derivatives_and_contributions():
    """y = a·b + a² at (3, 5): dy/da = b + 2a, each part on its own edge."""
    a, b = Value(3.0, "a"), Value(5.0, "b")
    y = a * b + a * a
    y.backward(gradient=-2.0)
    edges = draw(y).picture.edges
    names = {card.name: card.title for card in draw(y).picture.cards}
    found = sorted((names[e.tail], names[e.head], e.label, e.sign, e.tip.split()[-1]) for e in edges)
    assert found == [
        ("a", "×", "∂ 3", "negative", "-6.0"),
        ("a", "×", "∂ 3", "negative", "-6.0"),
        ("a", "×", "∂ 5", "negative", "-10.0"),
        ("b", "×", "∂ 3", "negative", "-6.0"),
        ("×", "+", "∂ 1", "negative", "-2.0"),
        ("×", "+", "∂ 1", "negative", "-2.0"),
    ]


def test_widths_and_tones_have_five_steps_on_a_scale_of_four_decades():
    steps = [palette.step(10.0**-k, 1.0) for k in (0, 0.79, 0.81, 1.59, 1.61, 2.39, 2.41, 3.19, 3.21, 4.0, 300.0)]
    assert steps == [4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0]
    assert palette.step(5e-324, 1.7e308) == 0
    x, y = Value(1.0, "x"), Value(1.0, "y")
    result = 1000.0 * x - 0.001 * y
    result.backward()
    tones = {card.title: card.tone for card in draw(result).picture.cards}
    assert tones["x"] == "positive4"
    assert tones["y"] == "negative0"


def test_nan_and_inf_stand_out_and_are_told():
    picture = draw(wrong()).picture
    assert "nan or inf" in picture.words
    division = next(card for card in picture.cards if card.title.endswith("÷"))
    assert division.tone == "bad"
    assert division.title.startswith("⚠")
    assert dict(division.rows)["data"] == "nan"
    assert any(edge.sign == "bad" for edge in picture.edges)
    svg = draw(wrong()).svg()
    assert "box bad wrong" in svg
    assert "edge lost" in svg


def test_shared_weights_are_seen_as_shared():
    cell, h = nn.RNNCell(1, 1, seed=0), [0.0]
    with autograd.trace():
        for _ in range(9):
            h = cell([1.0], h)
    h[0].backward()
    weight = cell.parameters()[0]
    chips = [chip for card in draw(h[0]).picture.cards for chip in card.chips if chip.parameter]
    places = {chip.text.split("↗")[1].split()[0] for chip in chips if "↗" in chip.text}
    assert "9" in places
    assert any(f"grad {weight.grad!r}" in chip.tip and "shared" in chip.tip for chip in chips)


def test_what_is_highlighted_stands_out_also_inside_of_a_group():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    inner = a * b
    y = inner.tanh() + 1.0
    picture = draw(y, highlight={inner: "0.5 → 2", b: ""}).picture
    marked = {card.title: card for card in picture.cards if card.marked}
    assert list(marked) == ["◆ b", "◆ ×"]
    assert ("", "0.5 → 2") in marked["◆ ×"].rows
    for _ in range(300):
        y = y.tanh()
    groups = [card for card in draw(y, highlight=[a], limit=3).picture.cards if card.marked]
    assert len(groups) == 1
    assert "marked" in draw(y, highlight=[a], limit=3).svg()


def test_what_is_highlighted_and_not_there_is_told():
    x = Value(1.0)
    assert draw(x * 2.0, highlight=[x]).picture.notes == []
    assert draw(x * 2.0, highlight=[x, Value(2.0)]).picture.notes == ["1 highlighted node not in this graph"]


def test_lines_of_source_group_what_is_too_much_and_may_be_kept_out():
    with autograd.trace():
        x = [Value(k / 10) for k in range(120)]
        y = [(v * 2.0).tanh() for v in x]
        z = autograd.sum([v * v for v in y])
    (line,) = [card for card in draw(z).picture.cards if card.title.startswith("y = [(v * 2.0).tanh()")]
    assert line.rows[0] == ("", "240 ops")
    assert line.rows[1][1].startswith("tests/test_drawing.py:")
    secret = draw(z, source="none")
    assert "mul, tanh" in [card.title for card in secret.picture.cards]
    assert "test_drawing" not in secret.to_dot() + secret.to_mermaid() + secret.svg()
    assert all(word or text for card in secret.picture.cards for word, text in card.rows)


def test_a_focus_shows_what_is_near_and_says_that_there_is_more():
    x = v = Value(1.0, "x")
    chain = [v := v * 1.5 + x for _ in range(50)]
    drawing = draw(chain[-1], focus=chain[25], radius=2)
    assert 3 <= len(drawing.picture.cards) <= 12
    assert any("out of focus" in note for note in drawing.picture.notes)
    shown = [text for card in drawing.picture.cards for _, text in card.rows]
    assert "→ 1 user more" in shown
    assert any(chip.text == "← 1 input more" for card in drawing.picture.cards for chip in card.chips)
    assert len(draw(chain[-1], focus=chain[25], radius=0).picture.cards) == 1


def test_several_results_are_drawn_in_one_picture():
    x = Value(2.0, "x")
    y, z = x * 3.0, x.tanh()
    assert [card.title for card in draw([y, z]).picture.cards] == ["x", "x × 3", "tanh"]
    assert [card.title for card in draw((y, y)).picture.cards] == ["x", "x × 3"]


def test_a_stale_graph_is_drawn_and_says_what_is_not_known():
    x = Value(2.0, "x")
    y = x * x
    y.backward()
    x.data = 3.0
    picture = draw(y).picture
    assert any("not known" in note for note in picture.notes)
    assert [edge.label for edge in picture.edges] == ["", ""]


def test_a_drawing_changes_nothing():
    result = expression()
    order = autograd.topological_order(result)
    before = [(v.data, v.grad, v.has_grad, v.label) for v in order]
    calls = []
    order[0].register_hook(calls.append)
    draw(result).to_dot()
    assert [(v.data, v.grad, v.has_grad, v.label) for v in order] == before
    assert calls == []


def test_numbers_take_the_callers_format():
    x = Value(2 / 3, "x")
    assert ("data", "0.67") in draw(x, number=".2f").picture.cards[0].rows
    assert ("data", "6.667e-01") in draw(x, number=".3e").picture.cards[0].rows
    assert draw(Value(1e300), number="f").picture.cards[0].size[0] < 400


# ── Text: stable, safe ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", DRAWINGS)
def test_dot_and_mermaid_are_what_they_were(name):
    """`python -m tests.golden` writes these files; look at the change before you commit it."""
    drawing = DRAWINGS[name]()
    assert drawing.to_dot() == (FOLDER / f"{name}.dot").read_text(encoding="utf-8")
    assert drawing.to_mermaid() == (FOLDER / f"{name}.mmd").read_text(encoding="utf-8")


def test_the_readmes_picture_is_what_its_lines_draw():
    """Graphviz' versions place cards differently, so the words are compared, wherever they stand."""
    kept = PICTURE.read_text(encoding="utf-8")
    check_svg(kept)
    assert sorted(texts(kept)) == sorted(texts(readme().svg()))


def test_every_golden_file_is_of_a_drawing():
    assert {path.stem for path in FOLDER.iterdir()} == {*DRAWINGS, PICTURE.stem}


def test_dot_does_not_depend_on_hashes_or_on_what_was_made_before():
    code = (
        "import sys, autograd; [autograd.Value(1.0) for _ in range(int(sys.argv[1]))]; "
        "from tests.golden import *; print(DRAWINGS['closed']().to_dot())"
    )
    run = [
        subprocess.run(
            [sys.executable, "-c", code, made],
            env={**os.environ, "PYTHONHASHSEED": made}, capture_output=True, text=True, check=True,
            cwd=Path(autograd.__file__).parents[1], encoding="utf-8",
        ).stdout
        for made in ("0", "77")
    ]  # fmt: skip
    assert run[0] == run[1]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_drawn_as_text(label):
    x = Value(2.0, label)
    y = x * Value(3.0, label)
    y.label = label
    y.backward()
    drawing = draw(y, title=label, highlight={y: label}, collapse=lambda v: label if v is y and label else None)
    svg = drawing.svg()
    check_svg(svg)
    shown = text.clip(text.clean(label), 26).strip()
    assert not shown or any(shown in found for found in texts(svg))
    assert all(ord(letter) >= 32 or letter in "\n\t" for letter in svg)
    assert len(svg) < 40_000
    drawing.to_mermaid().encode()
    draw_dot(y).source.encode()


@settings(max_examples=12)
@given(label=st.text(max_size=40), title=st.text(max_size=20))
def test_any_label_makes_a_well_formed_svg(label, title):
    x = Value(2.0, label)
    check_svg(draw(x * x + 1.0, title=title).svg())


@given(st.text())
def test_clean_text_has_nothing_that_xml_forbids(given_text):
    cleaned = text.clean(given_text)
    ElementTree.fromstring(f"<a>{text.escape(given_text)}</a>")
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in cleaned)
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068") & set(cleaned)
    assert text.width(text.clip(cleaned, 10)) <= 10


@given(st.text())
def test_a_dot_string_ends_where_it_should(given_text):
    assert re.fullmatch(r'"[^"\\\n]*"', quoted(given_text))


def test_every_rendering_has_ids_of_its_own():
    drawing = draw(expression())
    first, second = ({e.attrib["id"] for e in parsed(drawing.svg()).iter() if "id" in e.attrib} for _ in range(2))
    assert not first & second


def test_it_says_in_words_what_it_shows():
    root = parsed(draw(expression(), title="an expression").svg())
    assert root.find(f"{SVG}title").text == "an expression"
    assert "The result L is 0" in root.find(f"{SVG}desc").text
    assert "10 nodes; 6 ops" in root.find(f"{SVG}desc").text


def test_every_card_and_edge_has_a_tooltip_in_full_precision():
    x = Value(1 / 3, "third")
    y = x * 3.0
    y.backward()
    tips = [e.text or "" for e in parsed(draw(y).svg()).iter(f"{SVG}title")]
    assert any("data 0.3333333333333333" in tip and "grad 3.0" in tip for tip in tips)
    assert any("third × 3" in tip for tip in tips)
    assert any("local derivative 3.0\ncontribution 3.0" in tip for tip in tips)


# ── Colours ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_text_has_contrast_on_everything_that_it_stands_on(colours):
    for tone in [*palette.TONES, "paper"]:
        assert contrast(colours["text"], colours[tone]) >= 5.0, tone
    for under in ("paper", "cluster0", "cluster1"):
        assert contrast(colours["muted"], colours[under]) >= 5.0, under
    for line in ("edge-positive", "edge-negative", "bad-line", "mark", "line"):
        assert contrast(colours[line], colours["paper"]) >= 3.0, line


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_signs_can_be_read_without_colour():
    x, y = Value(1.0, "x"), Value(1.0, "y")
    result = x - y
    result.backward()
    picture = draw(result).picture
    rows = {card.title: dict(card.rows)["grad"] for card in picture.cards}
    assert rows["x"] == "▲1"
    assert rows["y"] == "▼-1"
    assert 'class="edge down"' in draw(result).svg()
    assert "arrowhead=onormal" in draw(result).to_dot()


def test_themes():
    result = expression()
    light, dark, auto = (draw(result, theme=theme).svg() for theme in ("light", "dark", "auto"))
    assert "prefers-color-scheme:dark" in auto
    assert "prefers-color-scheme" not in light + dark
    assert palette.DARK["paper"] in dark
    assert palette.DARK["paper"] not in light
    assert f'bgcolor="{palette.DARK["paper"]}"' in draw(result, theme="dark").to_dot()


# ── Files, notebooks, Graphviz ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [".svg", ".html", ".dot", ".gv", ".mmd", ".png", ".SVG"])
def test_files(tmp_path, ending):
    path = draw(expression()).save(tmp_path / f"graph{ending}")
    content = path.read_bytes()
    begins = {".png": b"\x89PNG", ".dot": b"digraph", ".gv": b"digraph", ".mmd": b"flowchart", ".html": b"<!doctype"}
    assert content.startswith(begins.get(ending, b"<svg"))
    if ending == ".png":
        from matplotlib.image import imread

        assert imread(path).std() > 0.01


def test_pdf_where_graphviz_can_and_else_an_error_that_says_so(tmp_path):
    try:
        path = draw(expression()).save(tmp_path / "graph.pdf")
    except autograd.errors.MissingLibraryError as error:
        assert "install Graphviz itself" in str(error)  # noqa: PT017 - which of the two depends on the machine
        assert not (tmp_path / "graph.pdf").exists()
    else:
        assert path.read_bytes().startswith(b"%PDF")


def test_an_ending_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(autograd.errors.InputError, match=r"must end in \.svg, \.html"):
        draw(expression()).save(tmp_path / "graph.bmp")
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_one_drawing_allows_nothing_else(tmp_path):
    html = draw(expression(), title="<i>").save(tmp_path / "graph.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    assert "unsafe" not in html
    assert "<script" not in html
    assert "&lt;i&gt;" in html


def test_directions():
    y = Value(2.0, "x") * 3.0
    for direction, axis, sign in (("LR", 0, 1), ("RL", 0, -1), ("TB", 1, 1), ("BT", 1, -1)):
        places = rendering.placed(draw(y, direction=direction).to_dot()).cards
        assert (places["n1"][axis] - places["n0"][axis]) * sign > 20


def test_notebooks_get_a_picture_or_a_line_of_advice(monkeypatch):
    bundle = draw(expression())._repr_mimebundle_()
    check_svg(bundle["image/svg+xml"])
    assert bundle["text/plain"].startswith("<Drawing: 10 nodes")
    without_graphviz(monkeypatch)
    bundle = draw(expression())._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install 'chainrule[draw]'" in bundle["text/plain"]


def test_without_graphviz_the_error_says_what_to_do_and_text_works(monkeypatch, tmp_path):
    without_graphviz(monkeypatch)
    drawing = draw(expression())
    with pytest.raises(autograd.errors.MissingLibraryError, match=r"pip install 'chainrule\[draw\]'") as caught:
        drawing.svg()
    assert isinstance(caught.value, ImportError)
    with pytest.raises(autograd.errors.MissingLibraryError):
        drawing.save(tmp_path / "graph.png")
    assert list(tmp_path.iterdir()) == []
    assert drawing.to_dot().startswith("digraph")
    assert drawing.to_mermaid().startswith("flowchart")
    assert draw_dot(expression()).source.startswith("digraph")


def test_without_the_package_graphviz_the_error_says_what_to_do(monkeypatch):
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "graphviz":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "graphviz", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(autograd.errors.MissingLibraryError, match="needs the package graphviz: pip install"):
        draw(expression()).svg()
    with pytest.raises(autograd.errors.MissingLibraryError):
        draw_dot(expression())
    assert draw(expression()).to_dot()


def test_the_layouter_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHVIZ_DOT", str(tmp_path / "nowhere"))
    with pytest.raises(autograd.errors.MissingLibraryError, match=r"GRAPHVIZ_DOT is .*nowhere"):
        rendering.layouter()
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\ncat > /dev/null\necho it broke >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("GRAPHVIZ_DOT", str(program))
    with pytest.raises(autograd.errors.DrawingError, match="broken could not lay out the drawing: it broke"):
        draw(expression()).svg()


def test_so_many_cards_that_graphviz_would_not_end_are_refused(tmp_path):
    x = Value(1.0)
    for _ in range(2_100):
        x = x.tanh()
    drawing = draw(x, collapse=None)
    with pytest.raises(autograd.errors.InputError, match="2100 cards Graphviz may take hours"):
        drawing.svg()
    with pytest.raises(autograd.errors.InputError, match="to_dot"):
        drawing.save(tmp_path / "x.png")
    assert drawing.save(tmp_path / "x.dot").stat().st_size > 100_000


@pytest.mark.skipif(
    not any(d.name == "graphviz-pure" for d in importlib.metadata.distributions()),
    reason="graphviz-pure has no wheel for this machine",
)
def test_what_pip_brings_is_found_without_a_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
    assert Path(rendering.layouter()).stem == "graphviz-pure"
    check_svg(draw(tower()).svg())


def test_micrograds_name_gives_a_digraph_that_renders():
    import graphviz

    made = draw_dot(expression(), format="svg", rankdir="TB")
    assert isinstance(made, graphviz.Digraph)
    assert made.format == "svg"
    assert "rankdir=TB" in made.source
    assert b"<svg" in made.pipe(quiet=True)


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "left"}, "direction must be one of 'LR', 'RL', 'TB', 'BT', not 'left'"),
        ({"theme": "blue"}, "theme must be one of"),
        ({"source": "absolute"}, "source must be one of"),
        ({"collapse": "all"}, "collapse must be 'auto', None"),
        ({"collapse": -1}, "collapse must be"),
        ({"collapse": True}, "collapse must be"),
        ({"limit": 2}, "limit must be a whole number of at least 3, not 2"),
        ({"limit": 10.5}, "limit must be"),
        ({"radius": -1}, "radius must be"),
        ({"number": "q"}, "number must be a format such as '.4g', not 'q'"),
        ({"number": 4}, "number must be"),
        ({"focus": Value(1.0, "stranger")}, "focus must be a node of the graph.*stranger"),
    ],
)
def test_wrong_options_are_told(options, message):
    with pytest.raises(autograd.errors.InputError, match=message):
        draw(Value(2.0) * 3.0, **options)


@pytest.mark.parametrize("wrong_one", [3.0, None, "x", [1.0], [Value(1.0), None]])
def test_what_is_no_value_is_refused(wrong_one):
    with pytest.raises(autograd.errors.InputTypeError, match="draw takes a Value or a list of them, not"):
        draw(wrong_one)
    with pytest.raises(autograd.errors.InputTypeError):
        draw(Value(1.0), highlight=wrong_one)
    with pytest.raises(autograd.errors.InputError, match="the list is empty"):
        draw([])


# ── At any size ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_graph_of_sixty_thousand_nodes_is_a_small_picture():
    result = tower(n=12, blocks=30, samples=28)
    drawing = draw(result)
    assert sum(len(card.members) for card in drawing.picture.cards) > 60_000
    assert len(drawing.picture.cards) <= 200
    assert len(drawing.svg().encode()) < 1_000_000


# ── In a browser ────────────────────────────────────────────────────────────────────────────────────────────


PICTURES = {
    "expression": lambda: draw(expression(), title="an expression"),
    "wrong": lambda: draw(wrong()),
    "tower": lambda: draw(tower(), collapse=None, title="modules"),
    "closed": lambda: draw(tower(n=5, blocks=12, samples=30), direction="TB"),
    "hostile": lambda: draw(autograd.sum([Value(k / 7, label) * 2.0 for k, label in enumerate(HOSTILE)])),
    "long numbers": lambda: draw((Value(math.pi, "π") * 1e-300 - 1e16 / 3).tanh(), number=".17g"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_overlaps_another_or_sticks_out_of_its_card(name, browser, tmp_path):
    browser.open(PICTURES[name]().save(tmp_path / "drawing.svg"))
    number, smallest, bad = browser.run(LEGIBLE)
    assert number > 5
    assert smallest >= 8.0
    assert bad == []
    assert browser.complaints == []


def test_a_page_asks_for_nothing_and_its_style_is_allowed(browser, tmp_path):
    path = draw(expression()).save(tmp_path / "drawing.html")
    for dark in (False, True):
        browser.open(path, dark=dark)
        assert browser.complaints == []
        assert [address for address in browser.requests if not address.startswith("about:")] == [path.as_uri()]
        fill = browser.run("getComputedStyle(document.querySelector('.paper')).fill")
        colours = palette.DARK if dark else palette.LIGHT
        assert fill == f"rgb({', '.join(str(int(colours['paper'][k : k + 2], 16)) for k in (1, 3, 5))})"


def test_the_measure_finds_overlaps(browser, tmp_path):
    """Two cards put on one spot: the measure that passes the drawings does not pass this."""
    path = draw(expression()).save(tmp_path / "drawing.svg")
    broken = re.sub(r'(<text class="title middle" x=")[^"]*(" y=")[^"]*', r"\g<1>50\g<2>50", path.read_text("utf-8"))
    path.write_text(broken, encoding="utf-8")
    browser.open(path)
    assert browser.run(LEGIBLE)[2]
