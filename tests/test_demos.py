"""Each demo runs, says what it promises and leaves what it says."""

import importlib
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
import nn
from demos import __main__ as listing
from demos import (
    course,
    dead_relu,
    debug_a_nan,
    digits,
    export_c,
    first_principles,
    gallery,
    greeks,
    microgpt,
    moons,
    orbit,
    peak,
    pictures,
    vanishing,
    workers,
)
from tests import pythons
from tests.looking import check_svg, without_graphviz

DEMOS = [dead_relu, debug_a_nan, digits, export_c, first_principles, gallery, greeks, microgpt, moons, orbit, peak,
         vanishing, workers]  # fmt: skip
STORIES = [debug_a_nan, dead_relu, vanishing]
GRAPH = ["graph.svg", "player.html"]
PIECES = ["expression", "neuron", "mlp", "lstm_cell", "attention_head", "not_a_number"]


def is_picture(path):
    """Whether it is a PNG that decodes to something with more than one colour."""
    from matplotlib.image import imread

    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(path)
    return min(pixels.shape[:2]) > 300 and pixels.std() > 0.01


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.__name__)
def test_build_is_small_and_differentiable(demo):
    result = demo.build()
    nodes = autograd.topological_order(result)
    leaves = {x for node in nodes for x in node.inputs if type(x) is autograd.Value and not x.inputs}
    assert 5 <= len(nodes) + len(leaves) <= 300
    result.backward()
    assert any(x.grad != 0.0 for x in leaves)
    assert demo.build().data == result.data


def test_the_list_has_every_demo_with_its_first_line(capsys):
    listing.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(DEMOS) + 1
    for line, demo in zip(lines, [*DEMOS, course], strict=True):
        assert line.split(None, 3)[2:] == [demo.__name__, demo.__doc__.splitlines()[0]]


def test_the_list_needs_no_library():
    libraries = {"dask", "matplotlib", "names", "sklearn", "tqdm"}
    code = f"import sys, demos.__main__ as m; m.main(); assert not {libraries} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(digits.__file__).parents[1], capture_output=True)


@pytest.mark.parametrize("demo", STORIES, ids=lambda demo: demo.__name__)
def test_a_storys_session_in_pdb(demo):
    """What it shows of a debugger's session is what pdb shows."""
    command, _, transcript = demo.SESSION.strip().partition("\n")
    assert command == f"$ python -m pdb -m {demo.__name__} --step"
    typed = pythons.commands(transcript)
    shown = pythons.session(sys.executable, ["-m", demo.__name__, "--step"], typed, pythons.ROOT)
    greeting, rest = shown.split("\n(Pdb) ", 1)
    assert greeting.startswith(f"> {demo.__name__.partition('.')[2]}.py(1)<module>()")
    assert "(Pdb) " + rest.strip() == transcript


def test_the_readme_quotes_a_story_right(capsys):
    readme = (pythons.ROOT / "README.md").read_text(encoding="utf-8")
    [(name, text)] = re.findall(r"^```\n\$ python -m (demos\..*)\n([^`]*)\n```$", readme, re.MULTILINE)
    next(demo for demo in STORIES if demo.__name__ == name).main([])
    assert text in capsys.readouterr().out


def test_debug_a_nan(capsys):
    debug_a_nan.main([])
    shown = capsys.readouterr().out
    lines = Path(debug_a_nan.__file__).read_text().splitlines()
    guilty = next(i for i, line in enumerate(lines, 1) if "ag.exp(score)" in line)
    assert "step 1: loss nan" in shown
    assert shown.count(f"exp(v1) at debug_a_nan.py:{guilty}: exp(a) at a = 3051.5") == 2
    assert "AnomalyError: " in shown
    losses = [float(x) for x in re.findall(r"step +\d+: loss (\d\S*),", shown)]
    assert losses == sorted(losses, reverse=True)
    assert int(re.findall(r"(\d+) of 178 right", shown)[-1]) > 170


def test_dead_relu(capsys):
    dead_relu.main([])
    shown = capsys.readouterr().out
    lines = Path(dead_relu.__file__).read_text().splitlines()
    guilty = next(i for i, line in enumerate(lines, 1) if "h.relu()" in line)
    assert "dL/dweight is 0.0:\n" in shown
    assert re.search(rf"relu\(v1\) at dead_relu.py:{guilty} in Net: .* \(a dead relu\)", shown)
    stuck, learned = re.findall(r"step  30: loss (\S+), (\d) of 8", shown)
    assert float(stuck[0]) > 2.0 > 0.2 > float(learned[0])
    assert (stuck[1], learned[1]) == ("0", "5")


def test_vanishing(capsys):
    vanishing.main([])
    shown = capsys.readouterr().out
    lines = Path(vanishing.__file__).read_text().splitlines()
    guilty = next(i for i, line in enumerate(lines, 1) if "self.activation(h)" in line)
    assert re.search(rf"sigmoid\(v1\) at vanishing.py:{guilty} in Deep: .* 10 such lie on the way", shown)
    sizes = [float(x) for x in re.findall(r"layer +\d+ +(\S+) #", shown)]
    assert sizes[0] < 1e-8 < 1e-2 < sizes[9]
    assert all(size > 1e-3 for size in sizes[10:])
    losses = [float(x) for x in re.findall(r"step  20: loss (\S+)", shown)]
    assert losses[0] > 0.69 > 0.5 > losses[1]


def test_digits(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    digits.main(["--epochs", "2", "--limit", "200", "--out", str(out)])
    printed = capsys.readouterr()
    assert "200 images to learn from, 200 held out, 2410 parameters" in printed.out
    shown = re.search(r"held-out loss (\S+), accuracy (\S+)% \((\d+) of 200\)", printed.out)
    assert shown, printed.out
    assert str(out) in printed.out
    assert "epoch 2/2" in printed.err
    assert sorted(p.name for p in out.iterdir()) == ["curve.png", "digits.json", *GRAPH, "right_and_wrong.png"]
    check_svg((out / "graph.svg").read_text(encoding="utf-8"))
    assert "demos/digits.py" in (out / "player.html").read_text(encoding="utf-8")  # its lines, traced
    assert is_picture(out / "curve.png")
    assert is_picture(out / "right_and_wrong.png")

    model = digits.Reader(64, 32, 10, seed=9)
    nn.load(model, out / "digits.json")
    images, labels = digits.load(0, limit=200)[1]
    figures = nn.evaluate(model, (images, labels), loss=nn.cross_entropy, metrics={"accuracy": nn.accuracy})
    assert f"{figures['loss']:.4f}" == shown[1]
    assert figures["accuracy"] == pytest.approx(float(shown[2]) / 100) == pytest.approx(int(shown[3]) / 200)
    assert figures["accuracy"] > 0.4  # guessing gives 0.1


def test_digits_are_split_once_and_evenly():
    (images, labels), (held_out_images, held_out_labels) = digits.load(0)
    assert (len(images), len(held_out_images)) == (1437, 360)
    assert len({tuple(image) for image in [*images, *held_out_images]}) > 1790
    assert all(34 <= held_out_labels.count(digit) <= 38 for digit in range(10))
    assert all(type(label) is int for label in labels)
    assert {x for image in images for x in image} == {k / 16 for k in range(17)}
    assert digits.load(1)[1] != digits.load(0)[1] == (held_out_images, held_out_labels)


def test_pictures_when_everything_is_right_or_nothing_was_learned(tmp_path):
    images, labels = [[k / 64 for k in range(64)]] * 3, [0, 1, 2]
    sure = [[1.0 if k == label else 0.0 for k in range(10)] for label in labels]
    pictures.right_and_wrong(images, labels, sure, tmp_path / "right.png")
    pictures.right_and_wrong(images * 10, [3] * 30, sure * 10, tmp_path / "wrong.png")
    one_epoch = {"loss": [1.0], "accuracy": [0.5]}
    pictures.learning_curve(nn.History(one_epoch, one_epoch), 0.5, tmp_path / "curve.png")
    assert all(is_picture(path) for path in tmp_path.iterdir())


def test_moons(tmp_path, capsys):
    moons.main(["--steps", "12", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "100 points, 337 parameters" in out
    assert "step   0: loss 0.8958, accuracy 50%" in out  # as micrograd's notebook prints
    assert float(re.search(r"after 12 steps: loss (\S+),", out)[1]) < 0.35
    assert is_picture(tmp_path / "boundary.png")


def test_workers(capsys):
    workers.main(["--steps", "3", "--workers", "2"])
    out = capsys.readouterr().out
    assert "gradient of loss: 36 inputs" in out
    losses = [float(x) for x in re.findall(r"step +\d+: loss (\S+)", out)]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert "the last gradient from 2 workers is that of one process: True" in out


def test_peak_finds_what_nist_certified(tmp_path, capsys):
    peak.main(["--out", str(tmp_path)])
    out = capsys.readouterr().out
    rows = re.findall(r"^(area|width|centre) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)$", out, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == ["area", "width", "centre"]
    for _, value, by_hessian, by_slopes, certified, error in rows:
        assert float(value) == pytest.approx(float(certified), abs=2e-7)
        assert float(by_slopes) == pytest.approx(float(error), abs=2e-7)
        assert 1.0 < float(by_hessian) / float(error) < 1.02
    assert "height of the peak: 0.3802 ± 0.0038" in out
    assert is_picture(tmp_path / "peak.png")


def test_greeks_are_their_closed_forms(tmp_path, capsys):
    greeks.main(["--out", str(tmp_path)])
    rows = re.findall(r"^(\S+) +(-?\d+\.\d{12}) +(-?\d+\.\d{12}) +(\S+)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert len(rows) == 15
    assert all(float(difference) < 1e-12 for *_, difference in rows)
    assert is_picture(tmp_path / "greeks.png")
    for market in ({"spot": 40.0, "time": 2.0, "rate": 0.1, "volatility": 0.5}, {**greeks.MARKET, "spot": 300.0}):
        found, truth = greeks.greeks(market), greeks.closed_forms(market)
        size = {name: max(abs(x), 1e-6) for name, x in truth.items()}
        assert all(found[name] == pytest.approx(truth[name], abs=1e-10 * size[name]) for name in truth)


def test_export_c_writes_what_compiles_to_the_same_bits(tmp_path, capsys):
    export_c.main(["--out", str(tmp_path)])
    shown = capsys.readouterr().out
    for name in ("option", "net"):
        assert "#ifdef" in (tmp_path / f"{name}.c").read_text()
    if any(map(shutil.which, ("cc", "gcc", "clang"))):
        assert shown.count("every bit as the engine has it: True") == 2
        assert shown.count(", 0 of variables") == shown.count("bytes of code")
        assert len(re.findall(r"in C on buffers \d", shown)) == 2
    else:
        assert shown.count("not compiled: there is no C compiler") == 2


def kepler(velocity, time):
    """Where a probe is that left the Earth with this velocity, by the closed form of an ellipse."""
    x, y = orbit.LAUNCH
    vx, vy = velocity
    r, square = math.hypot(x, y), vx * vx + vy * vy
    a = 1.0 / (2.0 / r - square / orbit.SUN)
    turn = x * vy - y * vx
    ex, ey = turn * vy / orbit.SUN - x / r, -turn * vx / orbit.SUN - y / r  # towards the perihelion
    e = math.hypot(ex, ey)
    first = math.atan2((x * vx + y * vy) / math.sqrt(orbit.SUN * a), 1.0 - r / a)  # eccentric anomaly
    mean = first - e * math.sin(first) + math.sqrt(orbit.SUN / a**3) * time
    last = mean
    for _ in range(50):
        last -= (last - e * math.sin(last) - mean) / (1.0 - e * math.cos(last))
    p, q = a * (math.cos(last) - e), a * math.sqrt(1.0 - e * e) * math.sin(last)
    return [(p * ex - q * ey) / e, (p * ey + q * ex) / e]


def test_orbit_meets_mars_by_keplers_laws_too(tmp_path, capsys):
    orbit.main(["--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "the burn: 3.203 km/s" in out
    assert is_picture(tmp_path / "orbit.png")
    burns = orbit.aim()
    assert math.hypot(*orbit.miss(burns[-1])) < 1e-12
    velocity = [burns[-1][0], orbit.EARTH_SPEED + burns[-1][1]]
    assert kepler(velocity, orbit.FLIGHT) == pytest.approx(orbit.mars(orbit.FLIGHT), abs=1e-6)
    rows = autograd.jacobian(orbit.miss)(burns[-1])
    for j in (0, 1):
        ahead, behind = (
            kepler([v + step * (i == j) for i, v in enumerate(velocity)], orbit.FLIGHT) for step in (1e-4, -1e-4)
        )
        assert [(p - q) / 2e-4 for p, q in zip(ahead, behind, strict=True)] == pytest.approx(
            [row[j] for row in rows], abs=1e-4
        )
    told = [float(x.replace(",", "")) for x in re.findall(r"start: (\S+) km off", out)]
    sigma = orbit.SIGMA / 1000.0 * orbit.YEAR
    assert told == pytest.approx([sigma * math.hypot(*row) for row in rows], rel=1e-5)


def test_first_principles_shows_every_product_and_its_check(capsys):
    first_principles.main([])
    out, twice = capsys.readouterr().out.split("USED TWICE")
    for line in (
        "o  = tanh(n)  = tanh(0.8814)       = 0.7071",
        "do/do  =  1.0000 × do/dn   = 1 - o² =  0.5000 =  0.5000 = do/dn",
        "do/dp1 =  0.5000 × dp1/dx1 = w1     = -3.0000 = -1.5000 = do/dx1",
    ):
        assert line in out
    products = re.findall(r"= +(\S+) × \S+ += .*?= +(\S+) = +(\S+) = do/", out)
    assert len(products) == 9
    for upstream, local, contribution in products:
        assert float(contribution) == pytest.approx(float(upstream) * float(local), abs=1e-4)
    checks = re.findall(r"^  \w+ +(-?\d\.\d{8}) +(-?\d\.\d{8})$", out, flags=re.MULTILINE)
    assert [float(a) for a, _ in checks] == pytest.approx([-1.5, 1.0, 0.5, 0.0, 0.5])
    assert all(float(a) == pytest.approx(float(b), abs=1e-7) for a, b in checks)
    for line in (
        "added: dy/da = (-6.0000) + 3.0000 = -3.0000",
        "added: dy/db = (-6.0000) + (-2.0000) = -8.0000",
    ):
        assert line in twice
    checks = re.findall(r"^  \w+ +(-?\d\.\d{8}) +(-?\d\.\d{8})$", twice, flags=re.MULTILINE)
    assert [float(a) for a, _ in checks] == [-3.0, -8.0]
    assert [float(b) for _, b in checks] == pytest.approx([-3.0, -8.0], abs=1e-7)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.__name__)
def test_help_tells_what_it_is(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(["--help"])
    assert " ".join(demo.__doc__.splitlines()[0].split()[:4]) in " ".join(capsys.readouterr().out.split())


def test_digits_interrupted_in_the_first_epoch_draws_no_curve(tmp_path, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.Adam, "step", interrupted)
    digits.main(["--limit", "20", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "interrupted" in out
    assert "0 epochs" in out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits.json", *GRAPH, "right_and_wrong.png"]


@pytest.mark.parametrize(
    ("demo", "option", "wrong"),
    [
        *((digits, option, wrong) for option in ("--epochs", "--limit") for wrong in ("0", "-1", "x", "1.5")),
        *((demo, "--steps", wrong) for demo in (microgpt, moons, workers) for wrong in ("0", "-1", "x")),
        *((workers, "--workers", wrong) for wrong in ("0", "x")),
        *((demo, "--seed", wrong) for demo in (digits, microgpt, moons, workers) for wrong in ("-1", str(2**32), "x")),
        *((demo, "--out", __file__) for demo in (digits, microgpt, moons)),
        *((moons, "--steps", wrong) for wrong in ("0", "-1", "x")),
        *((demo, "--seed", wrong) for demo in (digits, moons) for wrong in ("-1", str(2**32), "x")),
        *((demo, "--out", __file__) for demo in (digits, greeks, moons, orbit, peak)),
    ],
)
def test_wrong_options_are_usage_errors(demo, option, wrong, capsys, monkeypatch):
    monkeypatch.setattr(demo, "load", None, raising=False)  # nothing is begun
    with pytest.raises(SystemExit) as caught:
        demo.main([option, wrong])
    assert caught.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


def test_digits_says_why_there_is_no_graph_and_goes_on(tmp_path, capsys, monkeypatch):
    without_graphviz(monkeypatch)
    assert digits.graph(tmp_path) == []
    assert "no picture of the graph: no Graphviz is here" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_gallery_shows_every_piece_on_one_page(tmp_path, capsys, monkeypatch):
    assert list(gallery.PIECES) == [*PIECES, "gpt"]
    pieces = {
        name: piece for name, piece in gallery.PIECES.items() if name != "gpt"
    }  # python -m tests.legibility draws it too
    monkeypatch.setattr(gallery, "PIECES", pieces)
    gallery.main(["--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["index.html", "player.html", *(f"{p}.svg" for p in pieces)]
    )
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name, piece in pieces.items():
        check_svg((tmp_path / f"{name}.svg").read_text(encoding="utf-8"))
        assert piece.__doc__.splitlines()[0] in page
        assert f"{name.replace('_', ' ')}: " in out
    assert page.count("<svg") == len(pieces)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "unsafe" not in page


def test_the_reference_has_a_part_for_each_public_name(tmp_path):
    """In a process of its own: it puts names into modules that are imported at first use elsewhere."""
    code = f"import pathlib, tests.api; tests.api.write(pathlib.Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=Path(listing.__file__).parents[1], check=True)
    for module in ("autograd", "autograd.testing", "nn"):
        folder = tmp_path / module.replace(".", "/")
        page = folder.with_suffix(".html").read_text(encoding="utf-8")
        for name in importlib.import_module(module).__all__:
            assert f'id="{name}"' in page or (folder / f"{name}.html").exists(), name
