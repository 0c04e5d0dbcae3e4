"""`nn.save` and `nn.load`: every bit comes back, or a `CheckpointError` says why and nothing changes."""

import json
import math
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nn
from autograd.errors import AutogradError, InputError, InputTypeError


def module_of(numbers):
    module = nn.Module()
    module.head = nn.Module()
    module.head.row = [nn.Parameter(x) for x in numbers]
    module.scale = nn.Parameter(0.1)
    return module


def bits(module):
    """The parameters' bit patterns; a nan's payload doesn't count."""
    return [b"nan" if math.isnan(p.data) else struct.pack("<d", p.data) for p in module.parameters()]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.json"
    nn.save(nn.MLP(2, [3, 1], seed=0), path)
    return path


def refused(path, module, match):
    before = bits(module)
    with pytest.raises(nn.CheckpointError, match=match) as caught:
        nn.load(module, path)
    assert str(path) in str(caught.value)
    assert "was not changed" in str(caught.value)
    assert bits(module) == before


def rewrite(path, change):
    """Change the parsed document; an ellipsis in the result stands for no such key."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps({k: x for k, x in {**document, **change}.items() if x is not ...}))


def sealed(path, state):
    """A state of the attacker's choice under a right digest."""
    rewrite(path, {"state": state, "sha256": nn.checkpoint._digest(state)})


@given(st.lists(st.floats(), min_size=1, max_size=20))
@example([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e16])
def test_every_float_comes_back(numbers):
    one, other = module_of(numbers), module_of([0.0] * len(numbers))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.json"
        nn.save(one, path)
        nn.load(other, path)
    assert bits(other) == bits(one)


def test_the_file_is_what_the_docstring_says(saved):
    document = json.loads(saved.read_text())
    assert list(document) == ["format", "version", "sha256", "state"]
    assert document["format"] == "chainrule checkpoint"
    assert document["version"] == 1
    assert document["state"] == nn.MLP(2, [3, 1], seed=0).state_dict()


def test_path_may_be_a_str(tmp_path):
    nn.save(module_of([1.0]), str(tmp_path / "m"))
    nn.load(module_of([2.0]), str(tmp_path / "m"))


def test_layout_does_not_matter_to_the_digest(saved):
    saved.write_text(json.dumps(json.loads(saved.read_text()), indent=1))
    nn.load(nn.MLP(2, [3, 1], seed=1), saved)


_MODEL = nn.MLP(2, [3, 1], seed=0)
_TEXT = nn.checkpoint._text(_MODEL).encode()


@given(st.data())
def test_a_mutated_file_loads_the_same_numbers_or_is_refused(data):
    """Bytes replaced, inserted, cut out: never other numbers, never another exception, never half a load."""
    raw = bytearray(_TEXT)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    module = nn.MLP(2, [3, 1], seed=1)
    before = bits(module)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.json"
        path.write_bytes(raw)
        try:
            nn.load(module, path)
        except nn.CheckpointError:
            assert bits(module) == before
        else:
            assert bits(module) == bits(_MODEL)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.json"
        path.write_bytes(raw)
        refused(path, module_of([1.0]), "checkpoint|damaged")


@pytest.mark.parametrize("cut", [0, 1, 20, 200, len(_TEXT) - 2])
def test_a_truncated_file(tmp_path, cut):
    path = tmp_path / "m.json"
    path.write_bytes(_TEXT[:cut])
    refused(path, nn.MLP(2, [3, 1], seed=1), "damaged or no JSON")


def test_a_flipped_digit_is_found(saved):
    text = saved.read_text()
    at = text.index("[[") if "[[" in text else text.index("[")
    digit = next(i for i in range(at + 6, len(text)) if text[i].isdigit())
    saved.write_text(text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :])
    refused(saved, nn.MLP(2, [3, 1], seed=1), "sha256")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": "torch"}, "format"),
        ({"format": ...}, "no 'format'"),
        ({"version": 2}, "version is not 1"),
        ({"version": True}, "version is not 1"),
        ({"version": "1"}, "version is not 1"),
        ({"version": ...}, "no 'version'"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"sha256": None}, "sha256"),
        ({"sha256": ...}, "no 'sha256'"),
        ({"state": []}, "its state is a list"),
        ({"state": None}, "its state is a NoneType"),
        ({"state": ...}, "no 'state'"),
    ],
)
def test_a_foreign_document(saved, change, match):
    rewrite(saved, change)
    refused(saved, nn.MLP(2, [3, 1], seed=1), match)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1.0", None, True, [], {}, [1.0]])
def test_a_wrong_type_under_a_right_digest(tmp_path, number):
    path = tmp_path / "m.json"
    nn.save(module_of([1.0, 2.0]), path)
    sealed(path, {"head.row": [5.0, number], "scale": 6.0})
    refused(path, module_of([1.0, 2.0]), r"head\.row\[1\] must be a number")


def test_another_modules_checkpoint(tmp_path, saved):
    refused(saved, nn.MLP(2, [4, 1], seed=0), r"missing 'layers\.0\.neurons\.3\.w'")
    refused(saved, nn.MLP(3, [3, 1], seed=0), r"layers\.0\.neurons\.0\.w must be a list of 3")
    refused(saved, nn.Linear(2, 1), "unexpected 'layers")


@pytest.mark.parametrize("inside", [False, True])
def test_duplicate_keys(tmp_path, inside):
    path = tmp_path / "m.json"
    nn.save(module_of([1.0]), path)
    text = path.read_text()
    path.write_text(text.replace('"scale":', '"scale": 0.5, "scale":') if inside else '{"version": 1, ' + text[1:])
    refused(path, module_of([1.0]), "twice")


def test_deep_nesting(tmp_path):
    path = tmp_path / "m.json"
    module = module_of([0.5] * 20000)
    path.write_text("[" * 200_000)
    refused(path, module, "nested too deeply|damaged")
    nn.save(module, path)
    path.write_text(path.read_text().replace("0.5", "[" * 30000 + "]" * 30000, 1))
    refused(path, module, "nested too deeply|damaged")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
def test_a_number_no_float_can_hold(tmp_path, number):
    path = tmp_path / "m.json"
    nn.save(module_of([0.5]), path)
    path.write_text(path.read_text().replace("[0.5]", f"[{number}]"))
    refused(path, module_of([0.5]), "too large for a float")


def test_a_file_too_large_for_the_module_is_not_read(tmp_path):
    path = tmp_path / "m.json"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # sparse: reading it all would need a terabyte
    refused(path, module_of([1.0]), "too large for this module")


def test_the_longest_floats_fit_where_the_shortest_were():
    one, other = module_of([-2.2250738585072014e-308] * 1000), module_of([0.0] * 1000)
    with tempfile.TemporaryDirectory() as folder:
        nn.save(one, f"{folder}/m")
        nn.load(other, f"{folder}/m")
    assert bits(other) == bits(one)


def test_a_hostile_name_is_shortened(tmp_path):
    path = tmp_path / "m.json"
    nn.save(module_of([1.0]), path)
    sealed(path, {"x" * 3000: 1.0})
    with pytest.raises(nn.CheckpointError) as caught:
        nn.load(module_of([1.0]), path)
    assert len(str(caught.value)) < 1000


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.load(module_of([1.0]), tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        nn.save(module_of([1.0]), tmp_path / "none" / "m.json")


def test_a_crash_while_saving_leaves_the_old_file_and_no_litter(saved, monkeypatch):
    old = saved.read_bytes()

    def crash(*_):
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, crash)
            with pytest.raises(KeyboardInterrupt):
                nn.save(nn.MLP(2, [3, 1], seed=5), saved)
        assert saved.read_bytes() == old
        assert os.listdir(saved.parent) == [saved.name]


def test_saving_syncs_before_it_replaces(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda f: (calls.append("fsync"), fsync(f))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    nn.save(module_of([1.0]), tmp_path / "m.json")
    assert calls == ["fsync", "replace"]


@pytest.mark.skipif(os.name != "posix", reason="links and permission bits are POSIX's")
def test_a_link_stays_a_link_and_the_umask_holds(tmp_path):
    link, target = tmp_path / "latest", tmp_path / "run1.json"
    link.symlink_to(target)
    nn.save(module_of([1.0]), link)
    assert link.is_symlink()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def test_saving_replaces(saved):
    nn.save(nn.MLP(2, [3, 1], seed=7), saved)
    model = nn.MLP(2, [3, 1], seed=1)
    nn.load(model, saved)
    assert model.state_dict() == nn.MLP(2, [3, 1], seed=7).state_dict()


def test_the_error_is_a_value_error_of_ours():
    assert issubclass(nn.CheckpointError, AutogradError)
    assert issubclass(nn.CheckpointError, ValueError)


@pytest.mark.skipif(os.name != "posix", reason="pipes and permission bits are POSIX's")
def test_what_is_no_regular_file_is_neither_replaced_nor_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        for call in (nn.save, nn.load):
            with pytest.raises(OSError, match="not a regular file"):
                call(module_of([1.0]), path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name != "posix", reason="pipes and permission bits are POSIX's")
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o664])
def test_permissions_stay(saved, mode):
    saved.chmod(mode)
    nn.save(module_of([1.0]), saved)
    assert stat.S_IMODE(saved.stat().st_mode) == mode


@pytest.mark.parametrize("call", [nn.save, nn.load])
def test_arguments_that_are_no_module_or_no_path(call, tmp_path):
    with pytest.raises(InputTypeError, match=r"nn\.Module, which comes before the path"):
        call(tmp_path / "m", module_of([1.0]))
    for path in (b"m.json", None, 3):
        with pytest.raises(InputTypeError, match="the path must be a str"):
            call(module_of([1.0]), path)
    with pytest.raises(InputError, match="the path is empty"):
        call(module_of([1.0]), "")


TRAINING = """
import sys
import nn

model = nn.MLP(2, [40, 1], seed=0)
xs = [[i / 10, -i / 7] for i in range(8)]
figures = iter(range(10**9, 0, -1))  # each epoch better than the one before, so that each is written
print("ready", flush=True)
nn.fit(
    model, (xs, [x[0] for x in xs]), loss=nn.mse_loss, optimizer=nn.Adam(model.parameters()), epochs=10**6,
    batch_size=8, metrics={"figure": lambda outputs, targets: next(figures)}, monitor="figure",
    checkpoint=sys.argv[1], progress=False,
)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_training_that_is_killed_leaves_a_whole_checkpoint(tmp_path):
    """At any moment: while it computes, writes, syncs, renames; an epoch takes about as long as a checkpoint."""
    path, source = tmp_path / "best.json", random.Random(0)
    nn.save(nn.MLP(2, [40, 1], seed=7), path)
    states, root = [path.read_bytes()], Path(nn.__file__).parent.parent
    for _ in range(8):
        command = [sys.executable, "-c", TRAINING, str(path)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as training:
            assert training.stdout.readline() == b"ready\n"
            time.sleep(source.uniform(0.02, 0.25))
            training.send_signal(signal.SIGKILL)
        assert training.returncode == -signal.SIGKILL
        model = nn.MLP(2, [40, 1], seed=1)
        nn.load(model, path)  # whole: its digest says so
        assert all(math.isfinite(p.data) for p in model.parameters())
        states.append(path.read_bytes())
    assert len(set(states)) > 4, "it was killed before it wrote anything"


def test_buffers_are_in_the_checkpoint(tmp_path):
    one, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    one([[1.0, 2.0], [3.0, 5.0]])
    nn.save(one, tmp_path / "m.json")
    nn.load(other, tmp_path / "m.json")
    assert other.state_dict() == one.state_dict() != nn.BatchNorm1d(2).state_dict()
