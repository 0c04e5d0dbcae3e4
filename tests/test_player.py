"""The player: its numbers are those of a backward pass, and its page does what it says in a real browser."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest

import autograd
import nn
from autograd import Value, player
from autograd.drawing import palette
from tests.browser import Browser
from tests.golden import expression, tower, wrong
from tests.looking import HOSTILE, contrast

SHEET = Path(autograd.__file__).parent / "drawing" / "player.css"


def lecture() -> Value:
    """Twelve nodes; a and f are used twice each."""
    with autograd.trace():
        a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
        e = a * b
        d = e + c
        return (d * f * 0.1).tanh() + a * f * 0.25


def told(made: autograd.drawing.Player) -> dict:
    """What the page's script is given, read from the page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', made.html(), re.S)[1])


# ── Its numbers ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make", [lecture, expression, lambda: tower(n=3, samples=2)], ids=["lecture", "small", "tower"]
)
def test_the_steps_are_those_of_a_pass_and_change_nothing(make):
    result = make()
    leaves = list({x for node in autograd.topological_order(result) for x in node.inputs if type(x) is Value})
    before = [(x.grad, x.has_grad) for x in leaves]
    data = told(player(result, gradient=0.5))
    assert [(x.grad, x.has_grad) for x in leaves] == before

    nodes = sorted(autograd.topological_order(result), key=lambda node: node._seq)
    assert len(data["forward"]) == len(nodes)
    assert [data["nodes"][i][3] for i in data["forward"]] == [node.data for node in nodes]
    steps = [(s.position, s.upstream, s.local, s.contribution) for s in autograd.steps(result, 0.5)]
    assert [tuple(row[1:]) for row in data["backward"]] == steps

    fresh = make()
    for x in {x for node in autograd.topological_order(fresh) for x in node.inputs if type(x) is Value}:
        x.grad = None
    fresh.backward(0.5)
    sums: dict[int, float] = {}
    for node, slot, _, _, contribution in data["backward"]:
        (x,) = data["nodes"][node][4][slot]
        sums[x] = sums[x] + contribution if x in sums else contribution
    in_order = [x for node in reversed(autograd.topological_order(fresh)) for x in (*node.inputs, node)]
    expected = list({id(x): x.grad for x in in_order if type(x) is Value}.values())
    assert [sums.get(i, 0.5) for i in range(len(expected))] == expected


def test_where_nothing_is_sent_the_step_says_so():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    data = told(player(autograd.where(1.0, x, y)))
    assert sorted(row[4] is None for row in data["backward"]) == [False, True]


def test_nan_and_inf_travel_as_words():
    data = told(player(wrong()))
    assert "nan" in [node[3] for node in data["nodes"]]
    assert "inf" in [row[4] for row in data["backward"]]


def test_rules_and_lines_of_source_are_on_the_page():
    data = told(player(lecture()))
    assert "def mul(g, y, a, b):\n    return g * b, g * a" in data["rules"]
    source = next(node[6] for node in data["nodes"] if node[0] == "e")
    told_, first, lines, line, start, end = data["sources"][source]
    assert told_ == f"tests/test_player.py:{line}"
    assert lines[line - first][start:end] == "a * b"
    assert told(player(lecture(), source="none"))["sources"] == []


def test_a_rule_of_ones_own_is_shown_too():
    twice = autograd.Op("twice", 1, lambda a: 2 * a)

    @autograd.rule(twice)
    def twice_rule(g, y, a):
        """Two, whatever a is."""
        return (g * 2.0,)

    (rule,) = told(player(twice(Value(1.0))))["rules"]
    assert rule.split() == ["def", "twice_rule(g,", "y,", "a):", "return", "(g", "*", "2.0,)"]


def test_hooks_have_their_say():
    x = Value(3.0, "x")
    y = x * 2.0
    y.register_hook(lambda g: g * 10.0)
    (row,) = told(player(y))["backward"]
    assert row[2:] == [10.0, 2.0, 20.0]


def test_a_leaf_alone_has_a_pass_of_one_step():
    assert player(Value(1.0)).steps == 1


@pytest.mark.parametrize("wrong_one", [None, 1.0, [Value(1.0)]])
def test_what_is_no_value_is_refused(wrong_one):
    with pytest.raises(autograd.errors.InputTypeError, match="player takes a Value, not"):
        player(wrong_one)


def test_wrong_options_are_told(tmp_path):
    with pytest.raises(autograd.errors.InputTypeError, match="the gradient to start with"):
        player(expression(), gradient="1")
    with pytest.raises(autograd.errors.InputError, match="theme must be"):
        player(expression(), theme="blue")
    with pytest.raises(autograd.errors.InputError, match=r"must end in \.html"):
        player(expression()).save(tmp_path / "graph.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_too_large_for_a_page_is_refused():
    x = Value(1.0)
    for _ in range(20_000):
        x = x + 1.0
    with pytest.raises(autograd.errors.InputError, match=r"40001 steps would be too large.*draw"):
        player(x)


def test_a_stale_graph_is_refused():
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(autograd.StaleGraphError, match="x"):
        player(y)


def test_the_page_allows_nothing_but_what_it_holds():
    html = player(lecture(), title="</title><script>alert(1)</script>").html()
    assert "unsafe" not in html
    assert "alert(1)</script>" not in html
    assert re.search(
        r"default-src 'none'; style-src 'sha256-[^']+' 'sha256-[^']+' 'sha256-[^']+'; script-src 'sha256-", html
    )
    assert not re.search(r"""(src|href)=["']|\bon\w+=|style=["']|https?://(?!www\.w3\.org)""", html)


def test_the_page_has_contrast_in_both_themes():
    for theme in re.findall(r":root \{(.*?)\}", SHEET.read_text(encoding="utf-8"), re.S):
        colours = dict(re.findall(r"--(\w+): (#\w+)", theme))
        for name, colour in colours.items():
            if len(colour) == 4:
                colours[name] = "#" + "".join(letter * 2 for letter in colour[1:])
        for under in ("paper", "soft", "here"):
            assert contrast(colours["text"], colours[under]) >= 5.0, under
        assert contrast(colours["faint"], colours["soft"]) >= 5.0


# ── Its page, in a browser ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("players")
    return {"lecture": player(lecture(), title="a lecture").save(folder / "lecture.html")}


@pytest.fixture
def page(browser, pages):
    browser.open(pages["lecture"])
    yield browser
    assert browser.complaints == []
    assert [address for address in browser.requests if not address.startswith("about:")] == [pages["lecture"].as_uri()]


def settle(browser: Browser) -> None:
    browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def where(browser: Browser) -> int:
    settle(browser)
    return int(browser.run("document.getElementById('where').textContent").split()[0])


def table(browser: Browser) -> dict[str, list[str]]:
    settle(browser)
    rows = browser.run("[...document.querySelectorAll('#nodes tr')].map(r => [...r.cells].map(c => c.textContent))")
    return {name: cells for name, *cells in rows}


def card(browser: Browser, title: str) -> str:
    """A selector of the card with this title."""
    settle(browser)
    found = browser.run(
        "[...document.querySelectorAll('.card')].find(c => [...c.querySelectorAll('text')]"
        f".some(t => t.textContent === {title!r})).dataset.card"
    )
    return f"[data-card={found}]"


def test_arrows_home_and_end(page):
    assert where(page) == 0
    for _ in range(3):
        page.press("ArrowRight")
    assert where(page) == 3
    page.press("ArrowLeft")
    assert where(page) == 2
    page.press("End")
    assert where(page) == 22
    page.press("ArrowRight")
    assert where(page) == 22
    page.press("Home")
    page.press("ArrowLeft")
    assert where(page) == 0


def test_at_the_end_stand_the_gradients_of_a_backward_pass(page):
    page.press("End")
    shown = table(page)
    result = lecture()
    result.backward()
    order = autograd.topological_order(result)
    for leaf in {x for node in order for x in node.inputs if type(x) is Value and not x.inputs}:
        assert float(shown[leaf.label][1]) == pytest.approx(leaf.grad, rel=1e-5)
        assert shown[leaf.label][2] == ""
    assert len(shown) == 12


def test_at_the_start_there_is_no_gradient_and_nothing_is_computed(page):
    shown = table(page)
    assert [cells for name, cells in shown.items() if name in "abcf"] == [[x, "", ""] for x in ("-2", "10", "-3", "2")]
    assert all(cells == ["", "", ""] for name, cells in shown.items() if name not in "abcf")
    texts = page.run("[...document.querySelectorAll('.card .grad')].map(t => t.textContent).join('')")
    assert texts == ""
    fills = page.run("[...document.querySelectorAll('.box')].every(b => b.classList.contains('plain'))")
    assert fills is True


def test_a_step_shows_its_formula_with_its_numbers(page):
    page.press("End")
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    settle(page)
    said = page.run("document.getElementById('now').textContent")
    assert "through e to a" not in said
    while "to a" not in said:
        page.press("ArrowRight")
        settle(page)
        said = page.run("document.getElementById('now').textContent")
    assert "Backward through e to a, input 1 of 2" in said
    assert "upstreamdL/de = -0.111811localde/da = -3" in said
    assert "(-0.111811) × (-3) = 0.335433" in said
    assert "-0.5 → -0.164567" in said
    assert "complete" in said
    assert page.run("document.getElementById('rule').textContent").startswith("def mul(g, y, a, b):")
    assert page.run("document.querySelector('#source mark').textContent") == "a * b"


def test_a_click_sets_a_breakpoint_and_c_runs_to_it(page):
    page.click(card(page, "+ d"))
    settle(page)
    assert page.run("document.querySelectorAll('.card.stop').length") == 1
    stops = []
    for _ in range(5):
        page.press("c")
        stops.append(where(page))
    forward, *backward = sorted(set(stops))
    assert forward == 2
    assert len(backward) >= 3
    assert backward[-1] == 22  # the end, where there is no other
    page.press("C", shift=True)
    assert where(page) == sorted(set(stops))[-2]
    page.click(card(page, "+ d"))
    page.press("Home")
    page.press("c")
    assert where(page) == 22


def test_search_filters_and_leaves_keys_alone(page):
    page.press("/")
    assert page.run("document.activeElement.id") == "search"
    for letter in "tanh":
        page.press(letter)
    assert len(table(page)) == 1
    assert where(page) == 0  # c, Home and the like are text here
    page.press("Escape")
    page.press("ArrowRight")
    assert where(page) == 1


def test_space_plays_and_stops(page):
    page.press(" ")
    end = time.monotonic() + 10.0
    while where(page) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    page.press(" ")
    stopped = where(page)
    assert stopped >= 2
    time.sleep(0.8)
    assert where(page) == stopped


def test_buttons_and_slider(page):
    page.click("button[data-key=End]")
    assert where(page) == 22
    page.click("button[data-key=ArrowLeft]")
    assert where(page) == 21
    page.run("(s => { s.value = 5; s.dispatchEvent(new Event('input')); })(document.getElementById('slider'))")
    assert where(page) == 5


def test_the_address_says_where_to_begin(browser, pages):
    browser.open(pages["lecture"], anchor="#17")
    assert where(browser) == 17
    browser.run("location.hash = '#3'")
    assert where(browser) == 3
    browser.open(pages["lecture"], anchor="#nonsense")
    assert where(browser) == 0


def test_what_flows_is_seen(page):
    """At a step two cards and the edge between them stand out; edges before it are strong, after it faint."""
    page.press("End")
    for _ in range(4):
        page.press("ArrowLeft")
    settle(page)
    assert page.run("document.querySelectorAll('.card.from').length") == 1
    assert page.run("document.querySelectorAll('.card.to').length") == 1
    assert page.run("document.querySelectorAll('.edge.now').length") == 1
    assert page.run("document.querySelectorAll('.edge.later').length") == 4


def test_keys_may_come_faster_than_pictures(page):
    began = time.monotonic()
    page.run(
        "for (let k = 0; k < 4000; k++) dispatchEvent(new KeyboardEvent('keydown', "
        "{key: k % 8 ? 'ArrowRight' : 'ArrowLeft', bubbles: true}))"
    )
    assert where(page) == 22
    assert time.monotonic() - began < 10.0


def test_a_card_can_be_reached_and_used_by_keyboard(page):
    page.run("document.querySelector('.card').focus()")
    page.press("Enter")
    settle(page)
    assert page.run("document.querySelectorAll('.card.stop').length") == 1
    assert page.run("document.querySelector('.card').getAttribute('aria-label').startsWith('leaf')")
    assert page.run("document.querySelector('[aria-live]').id") == "now"


def test_zoom_and_move(page):
    before = page.run("document.querySelector('svg').style.transform")
    page.run("document.getElementById('pane').dispatchEvent(new WheelEvent('wheel', {deltaY: -300, cancelable: true}))")
    zoomed = page.run("document.querySelector('svg').style.transform")
    assert zoomed != before
    page.press("0")
    assert page.run("document.querySelector('svg').style.transform") == before


@pytest.mark.parametrize("number", [".4g", ".2e", ".3f", ".1g", "%"])
def test_numbers_on_cards_are_written_as_python_writes_them(number, browser, tmp_path):
    xs = [1e5, 99999.6, 123456.0, 1e-4, 9.99996e-5, 0.5, 2.0, -1e300, 1e-300, 0.0, 12345.678]
    given = [x for x in xs if "f" not in number or abs(x) < 1e20]  # 300 digits have no room anywhere
    result = autograd.sum([Value(x, f"x{k}") * 1.5 for k, x in enumerate(given)])
    made = player(result, number=number)
    browser.open(made.save(tmp_path / "numbers.html"))
    browser.press("End")
    settle(browser)
    shown = browser.run("[...document.querySelectorAll('.card .data')].map(t => t.textContent)")
    style = ".4g" if number == "%" else number  # what JavaScript has no words for
    expected = [format(v, style) for v in (node[3] for node in told(made)["nodes"])]
    assert shown == expected


def test_a_large_graph_plays_on_its_groups(browser, tmp_path):
    made = player(tower(n=3, blocks=4, samples=12), limit=40)
    path = made.save(tmp_path / "tower.html")
    assert path.stat().st_size < 1_000_000
    browser.open(path)
    browser.press("End")
    assert where(browser) == made.steps > 1000
    shown = browser.run("[...document.querySelectorAll('.card .grad')].map(t => t.textContent)")
    expected = [dict(c.rows).get("max |grad|") or dict(c.rows)["grad"] for c in made.drawing.picture.cards]
    assert shown == expected
    for _ in range(10):
        browser.press("ArrowLeft")
    assert where(browser) == made.steps - 10
    assert browser.complaints == []


def test_the_page_colours_as_the_drawing_does(browser, pages):
    browser.open(pages["lecture"], anchor="#22")
    settle(browser)
    classes = browser.run("[...document.querySelectorAll('.box')].map(b => [...b.classList].join(' '))")
    result = lecture()
    result.backward()
    expected = [f"box {c.tone}" for c in autograd.draw(result).picture.cards]
    assert classes == expected
    assert all(c.split()[1] in palette.TONES for c in classes)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_page_has_the_theme_of_its_drawing(theme, browser, tmp_path):
    path = player(lecture(), theme=theme).save(tmp_path / "player.html")
    for system_is_dark in (False, True):
        browser.open(path, dark=system_is_dark)
        dark = theme == "dark" or (theme == "auto" and system_is_dark)
        paper = (palette.DARK if dark else palette.LIGHT)["paper"]
        expected = f"rgb({', '.join(str(int(paper[k : k + 2], 16)) for k in (1, 3, 5))})"
        assert browser.run("getComputedStyle(document.body).backgroundColor") == expected
        assert browser.run("getComputedStyle(document.querySelector('.paper')).fill") == expected
        assert browser.complaints == []


def test_hostile_labels_do_nothing(browser, tmp_path):
    y = autograd.sum([Value(1.0, label) * 2.0 for label in HOSTILE])
    y.label = "</script><img src=x onerror=alert(1)>"
    path = player(y, title="<!-- data --></script>").save(tmp_path / "hostile.html")
    browser.open(path)
    browser.press("End")
    settle(browser)
    assert browser.complaints == []
    assert [address for address in browser.requests if not address.startswith("about:")] == [path.as_uri()]
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert "<script>alert(1)</script>" in table(browser)


def test_the_policy_stops_what_is_not_the_pages_own(browser, pages, tmp_path):
    html = pages["lecture"].read_text(encoding="utf-8")
    changed = tmp_path / "changed.html"
    changed.write_text(html.replace("</body>", "<script>window.entered = true</script></body>"), encoding="utf-8")
    browser.open(changed)
    assert browser.run("window.entered") is None
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_seeds_and_random_graphs_play_to_their_gradients(browser, tmp_path):
    source = random.Random(5)
    model = nn.Sequential(nn.Linear(3, 3, seed=1), nn.Tanh(), nn.Linear(3, 1, seed=2))
    with autograd.trace():
        result = model([source.gauss(0, 1) for _ in range(3)])[0]
    path = player(result, gradient=-2.0).save(tmp_path / "random.html")
    result.backward(-2.0)
    browser.open(path)
    browser.press("End")
    grads = sorted(float(cells[1]) for cells in table(browser).values())
    order = autograd.topological_order(result)
    every = {x for node in order for x in (node, *node.inputs) if type(x) is Value}
    assert grads == pytest.approx(sorted(x.grad for x in every), rel=1e-4)
