"""The gradient debugger in an editor: a client of the protocol drives it, kindly and not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.debugger.wire import LARGEST_BODY, LONGEST_LINE, MalformedMessageError, Wire
from tests import pythons
from tests.dap_client import Client

PROGRAM = (
    pythons.MODEL
    + """\
for rate in (0.1, 0.2):
    w.grad = b.grad = None
    𝜋 = 3.14; loss = (model(2.0, w, b) - 1.0) ** 2
    loss.backward()
    print("gradients", w.grad, b.grad)
"""
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(pythons.ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    made = Client.of_process([sys.executable, "-m", "autograd", "dap"], env=environment(), cwd=tmp_path)
    yield made
    made.close()


def begun(client: Client, program: Path, **options: Any) -> dict[str, Any]:
    """A client at the first stop; what the server can do is returned."""
    able = client.ask("initialize", adapterID="test", linesStartAt1=True, columnsStartAt1=True)
    client.until("initialized")
    client.ask("launch", program=str(program), **options)
    client.ask("configurationDone")
    return able


def stopped(client: Client) -> tuple[str, str, int]:
    """Why it stopped, and the name and the line of the innermost frame."""
    event = client.until("stopped")["body"]
    assert event["threadId"] == client.ask("threads")["threads"][0]["id"]
    frame = client.ask("stackTrace", threadId=event["threadId"], startFrame=0, levels=1)["stackFrames"][0]
    return event["reason"], frame["name"], frame["line"]


def moved(client: Client, command: str, **options: Any) -> tuple[str, str, int]:
    client.ask(command, threadId=1, **options)
    return stopped(client)


def variables(client: Client, frame: int, scope: int) -> dict[str, str]:
    found = client.ask("scopes", frameId=frame)["scopes"][scope]
    listed = client.ask("variables", variablesReference=found["variablesReference"])["variables"]
    return {variable["name"]: variable["value"] for variable in listed}


def test_a_whole_session(client: Client, program: Path) -> None:
    able = begun(client, program)
    for feature in ("StepBack", "ConditionalBreakpoints", "FunctionBreakpoints", "DataBreakpoints", "LogPoints"):
        assert able[f"supports{feature}"] is True
    assert [each["filter"] for each in able["exceptionBreakpointFilters"]] == ["nan", "inf", "explode", "vanish"]
    assert stopped(client) == ("entry", "loss = v1 ** 2   dloss/dloss = 1", 14)
    assert moved(client, "next") == ("step", "v1 = v2 - 1   dloss/dv1 = -2", 14)
    assert moved(client, "stepIn")[1] == "v2 = tanh(h)   dloss/dv2 = -2"
    assert moved(client, "next")[1] == "h = h#2 + b   dloss/dh = -2"
    assert moved(client, "stepIn")[1] == "h = h#2 + b   dloss/dh = -2"
    assert moved(client, "stepBack", granularity="instruction")[1] == "h = h#2 + b   dloss/dh = -2"
    assert moved(client, "stepBack")[1] == "v2 = tanh(h)   dloss/dv2 = -2"
    assert moved(client, "next", granularity="instruction")[1] == "h = h#2 + b   dloss/dh = -2"
    trace = client.ask("stackTrace", threadId=1)
    assert [frame["name"].split(" =")[0] for frame in trace["stackFrames"]] == ["h", "v2", "v1", "loss"]
    assert trace["totalFrames"] == 4
    inner = trace["stackFrames"][0]
    assert inner["source"] == {"name": "model.py", "path": str(program)}
    assert [inner[key] for key in ("line", "column", "endLine", "endColumn")] == [7, 9, 7, 14]
    outer = trace["stackFrames"][3]
    units = PROGRAM.splitlines()[13].encode("utf-16-le")  # what columns count
    marked = units[2 * (outer["column"] - 1) : 2 * (outer["endColumn"] - 1)].decode("utf-16-le")
    assert marked == "(model(2.0, w, b) - 1.0) ** 2"
    node = variables(client, 1, 0)
    assert (node["name"], node["grad"], node["state"], node["op"]) == ("h", "-2.0", "its turn", "add")
    inputs = variables(client, 1, 1)
    assert "is sent -2 · 1 = -2 (dh/db = 1)" in inputs["b"]
    assert "comes next" in inputs["h#2"]
    assert "is sent" in variables(client, 2, 1)["h"]
    assert set(variables(client, 1, 2)) == {"loss", "h", "h#2", "w", "b"}
    assert moved(client, "stepOut")[0] == "step"
    assert moved(client, "reverseContinue") == ("entry", "loss = v1 ** 2   dloss/dloss = 1", 14)
    assert client.ask("evaluate", expression="w.grad")["result"] == "0.0"
    reason, name, _ = moved(client, "continue")
    assert (reason, name) == ("step", "loss = v1 ** 2   dloss/dloss = 1")
    assert client.ask("evaluate", expression="w.grad")["result"] == "-4.0"
    assert moved(client, "next") == ("entry", "loss = v1 ** 2   dloss/dloss = 1", 14)
    assert client.ask("evaluate", expression="rate")["result"] == "0.2"
    moved(client, "continue")
    client.ask("continue", threadId=1)
    assert client.until("exited")["body"]["exitCode"] == 0
    client.until("terminated")
    assert client.output["stdout"] == "gradients -4.0 -2.0\n" * 2
    client.ask("disconnect")
    assert client.process is not None
    assert client.process.wait(30) == 0


def test_each_kind_of_breakpoint(client: Client, program: Path) -> None:
    begun(client, program)
    stopped(client)

    def lines(*breakpoints: dict[str, Any]) -> list[dict[str, Any]]:
        source = {"path": str(program)}
        return client.ask("setBreakpoints", source=source, breakpoints=[*breakpoints])["breakpoints"]  # type: ignore[no-any-return]

    answer = lines({"line": 6}, {"line": 7, "condition": "upstream > 0"}, {"line": 3}, {"line": 8, "condition": "("})
    assert [each["verified"] for each in answer] == [True, True, False, False]
    assert "no node of this graph was made on this line" in answer[2]["message"]
    assert "is no expression" in answer[3]["message"]
    client.ask("continue", threadId=1)
    event = client.until("stopped")["body"]
    assert (event["reason"], event["hitBreakpointIds"]) == ("breakpoint", [answer[0]["id"]])
    assert lines() == []
    assert moved(client, "reverseContinue")[0] == "entry"

    names = ["op:tanh", "h", "mod:MLP"]
    functions = client.ask("setFunctionBreakpoints", breakpoints=[{"name": name} for name in names])["breakpoints"]
    assert all(each["verified"] for each in functions)
    assert moved(client, "continue")[:2] == ("function breakpoint", "v2 = tanh(h)   dloss/dv2 = -2")
    assert moved(client, "continue")[:2] == ("function breakpoint", "h = h#2 + b   dloss/dh = -2")
    client.ask("setFunctionBreakpoints", breakpoints=[{"name": "tanh", "hitCondition": "5"}])
    assert moved(client, "reverseContinue")[0] == "entry"

    info = client.ask("dataBreakpointInfo", name="b")
    assert info["dataId"] == "b"
    assert client.ask("dataBreakpointInfo", name="nobody")["dataId"] is None
    scope = client.ask("scopes", frameId=1)["scopes"][0]["variablesReference"]
    assert client.ask("dataBreakpointInfo", name="grad", variablesReference=scope)["dataId"] == "loss"
    client.ask("setDataBreakpoints", breakpoints=[{"dataId": "b"}])
    client.ask("continue", threadId=1)
    event = client.until("stopped")["body"]
    assert event["reason"] == "data breakpoint"
    assert "b.grad 0 -> -2" in event["text"]
    client.ask("setDataBreakpoints", breakpoints=[])
    moved(client, "restart")

    answer = lines({"line": 8, "logMessage": "slope {local}"})
    moved(client, "continue")
    assert client.output["console"] == "slope 1.0\n"
    moved(client, "restart")
    assert lines({"line": 7, "hitCondition": "2"}, {"line": 6, "hitCondition": "often"})[1]["verified"] is False
    assert moved(client, "continue")[0] == "step"  # to the end, having met it once
    client.ask("disconnect", terminateDebuggee=True)
    assert client.process is not None
    assert client.process.wait(30) == 0


def test_exception_filters_and_their_story(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "import autograd\nx, zero = autograd.Value(0.0, 'x'), autograd.Value(0.0, 'zero')\n"
        "y = x.sqrt() * zero\ny.backward()\n"
    )
    client.ask("initialize", adapterID="test")
    client.until("initialized")
    client.ask("launch", program=str(path), stopOnEntry=False)
    answer = client.ask("setExceptionBreakpoints", filters=["nan", "inf", "fear"])["breakpoints"]
    assert [each["verified"] for each in answer] == [True, True, False]
    client.ask("configurationDone")
    assert stopped(client)[:2] == ("exception", "v1 = sqrt(x)   dy/dv1 = 0")
    told = client.ask("exceptionInfo", threadId=1)
    assert "nan" in told["details"]["message"]
    assert "contributes 0 · inf = nan" in told["description"]
    client.ask("disconnect")


def test_evaluating_setting_and_completing(client: Client, program: Path) -> None:
    begun(client, program, atCall=2)
    stopped(client)
    assert client.ask("evaluate", expression="rate", frameId=1)["result"] == "0.2"
    value = client.ask("evaluate", expression="w", context="hover", frameId=1)
    assert value["type"] == "Value"
    facts = client.ask("variables", variablesReference=value["variablesReference"])["variables"]
    assert {"name": "data", "value": "0.5", "variablesReference": 0} in facts
    assert client.ask("variables", variablesReference=value["variablesReference"], start=1, count=1)["variables"] == [
        facts[1]
    ]
    assert "loss = v1 ** 2" in client.ask("evaluate", expression="where", context="repl")["result"]
    assert "dloss/dw" in client.ask("evaluate", expression="why w", context="repl")["result"]
    assert client.ask("evaluate", expression="w.data", context="repl")["result"] == "0.5"
    for expression, error in (
        ("nobody", "NameError"),
        ("1 / 0", "ZeroDivisionError"),
        ("1 +", "SyntaxError"),
        ("next", "NameError|type"),
        ("exit(3)", "SystemExit"),
        ("(lambda f: f(f))(lambda f: f(f))", "RecursionError"),
    ):
        if expression != "next":
            assert re.search(error, client.refused("evaluate", expression=expression, context="repl"))
    moved(client, "next")
    scope = client.ask("scopes", frameId=1)["scopes"][0]["variablesReference"]
    assert client.ask("setVariable", variablesReference=scope, name="grad", value="-1")["value"] == "-1.0"
    assert "only the gradient" in client.refused("setVariable", variablesReference=scope, name="data", value="1")
    moved(client, "continue")
    assert client.ask("evaluate", expression="w.grad")["result"] == "-2.0"
    assert "the pass has ended" in client.refused("setExpression", expression="w.grad", value="7")
    moved(client, "stepBack")
    assert client.ask("setExpression", expression="w.grad", value="7 / 2")["value"] == "3.5"
    assert "only the gradient" in client.refused("setExpression", expression="w", value="1")
    targets = client.ask("completions", text="lo", column=3)["targets"]
    assert [target["label"] for target in targets] == ["loss"]
    client.ask("terminate")
    client.until("terminated")
    client.ask("disconnect")


def test_what_the_program_prints_stays_out_of_the_protocol(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(
        "import os, subprocess, sys, autograd\n"
        "print('Content-Length: 5', flush=True)\n"
        "print('é', end='')\n"
        "sys.stderr.write('to stderr\\n')\n"
        "subprocess.run([sys.executable, '-c', 'print(1 + 1)'])\n"
        "os.write(1, b'\\xff raw\\n')\n"
        "print(repr(sys.stdin.read()))\n"
        "(autograd.Value(1.0) * 2.0).backward()\n"
        "print(sys.argv[1:], os.environ['OWN'], os.getcwd())\n"
        "sys.exit(3)\n",
        encoding="utf-8",
    )
    (tmp_path / "there").mkdir()
    begun(client, path, args=["a", "b c"], env={"OWN": "x"}, cwd=str(tmp_path / "there"))
    stopped(client)
    client.ask("continue", threadId=1)
    client.until("stopped")
    client.ask("continue", threadId=1)
    assert client.until("exited")["body"]["exitCode"] == 3
    client.until("terminated")
    shown = client.output["stdout"]
    assert shown.startswith("Content-Length: 5\né2\n\ufffd raw\n''\n")
    assert shown.endswith(f"['a', 'b c'] x {tmp_path / 'there'}\n")
    assert client.output["stderr"] == "to stderr\n"
    client.ask("disconnect")
    assert client.process is not None
    assert client.process.wait(30) == 3


def test_a_script_that_fails_is_told_with_its_traceback(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("raise KeyError('k')\n")
    begun(client, path)
    assert client.until("exited")["body"]["exitCode"] == 1
    assert client.output["stderr"].endswith("KeyError: 'k'\n")
    client.ask("disconnect")


def test_a_script_without_a_pass_says_so(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "quiet.py"
    path.write_text("print('done')\n")
    begun(client, path)
    client.until("terminated")
    assert "there was nothing to stop at" in client.output["console"]
    client.ask("disconnect")


def test_pausing_and_leaving_a_running_program(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text(
        "import time, autograd\nx = autograd.Value(1.0, 'x')\nprint('ready', flush=True)\n"
        "while True:\n    (x * 2.0 * 3.0).backward()\n    time.sleep(0.01)\n"
    )
    begun(client, path, stopOnEntry=False)
    client.until("output")
    assert "the program is running" in client.refused("stackTrace", threadId=1)
    client.ask("pause", threadId=1)
    assert stopped(client)[0] == "entry"
    client.ask("continue", threadId=1)
    client.until("stopped")
    client.ask("continue", threadId=1)
    client.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 5}])
    assert stopped(client)[0] == "breakpoint"
    client.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[])
    client.ask("continue", threadId=1)
    client.until("stopped")
    client.ask("continue", threadId=1)
    client.ask("disconnect")
    assert client.process is not None
    assert client.process.wait(30) == 0


def test_a_client_that_vanishes_ends_the_program(tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text("import time\nprint('ready', flush=True)\ntime.sleep(1000)\n")
    client = Client.of_process([sys.executable, "-m", "autograd", "dap"], env=environment(), cwd=tmp_path)
    begun(client, path)
    client.until("output")
    client.outgoing.close()
    assert client.process is not None
    assert client.process.wait(30) == 0
    client.close()


# ── Attaching, on this machine alone ────────────────────────────────────────────────────────────────────────


class Server:
    """A server on a port of its own, and what it prints."""

    def __init__(self, tmp_path: Path, *arguments: str, stdin: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograd", "dap", "--port", "0", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=tmp_path,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdin
        assert self.process.stderr
        self.process.stdin.write(stdin)
        self.process.stdin.flush()
        self.watchdog = threading.Timer(60.0, self.process.kill)
        self.watchdog.start()
        told = self.process.stderr.readline()
        assert told.startswith("waiting for an editor at 127.0.0.1:"), told
        self.port = int(told.rpartition(":")[2])

    def end(self) -> tuple[str, int]:
        shown, _ = self.process.communicate(timeout=30)
        self.watchdog.cancel()
        return shown, self.process.returncode


def test_attaching_leaves_the_programs_streams_alone(tmp_path: Path, program: Path) -> None:
    program.write_text(PROGRAM + "print(input())\n", encoding="utf-8")
    server = Server(tmp_path, "model.py", "an argument", stdin="from its own terminal\n")
    client = Client.of_port(server.port)
    client.ask("initialize", adapterID="test")
    client.until("initialized")
    assert "send attach" in client.refused("launch", program=str(program))
    client.ask("attach")
    client.ask("configurationDone")
    assert stopped(client)[0] == "entry"
    assert moved(client, "next")[0] == "step"
    client.ask("disconnect")  # the program goes on without
    client.close()
    assert server.end() == ("gradients -4.0 -2.0\n" * 2 + "from its own terminal\n", 0)


def test_a_server_listens_on_this_machine_alone_and_to_one_client(tmp_path: Path, program: Path) -> None:
    server = Server(tmp_path)
    listening = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=False).stdout
    if f":{server.port} " in listening:
        assert re.findall(rf"(\S+):{server.port} ", listening) == ["127.0.0.1"]
    for host in {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not str(host).startswith("127."):
            with pytest.raises((ConnectionError, TimeoutError)):
                socket.create_connection((host, server.port), timeout=5.0)
    smuggled = json.dumps({"seq": 1, "type": "request", "command": "initialize"}).encode()
    page = socket.create_connection(("127.0.0.1", server.port))
    page.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(smuggled), smuggled))
    answer = b""
    while chunk := page.recv(4096):
        answer += chunk
    page.close()
    assert b"no header of this protocol" in answer
    assert b'"success": true' not in answer
    hasty = Client.of_port(server.port)
    assert "first request has to be initialize" in hasty.refused("evaluate", expression="1")
    with pytest.raises(EOFError):
        hasty.read()
    hasty.close()
    client = Client.of_port(server.port)
    begun(client, program)
    stopped(client)
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5.0)
    client.ask("disconnect")
    client.close()
    assert server.end()[1] == 0


def test_the_command_says_what_it_can_not_do(tmp_path: Path) -> None:
    for arguments, message in (
        (["script.py"], "needs --port"),
        (["--port", "0", "nothing.py"], "there is no file nothing.py"),
        (["--port", "70000"], "from 0 to 65535"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "autograd", "dap", *arguments],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode != 0
        assert message in done.stderr


# ── Hostile and malformed ───────────────────────────────────────────────────────────────────────────────────


def test_requests_that_make_no_sense_are_refused_one_by_one(client: Client, program: Path) -> None:
    for body in (b"{", b"[1, 2]", b"null", b'"x"', b"[" * 100_000, b"\xff\xfe", b"", b"1" * 5_000):
        client.send(body)
        answer = client.read()
        assert (answer["type"], answer["success"], answer["request_seq"]) == ("response", False, 0), body[:20]
    client.send(b'{"seq": 1}')
    assert "type" in client.read()["message"]
    client.send(b'{"seq": "x", "type": "request", "command": 3}')
    assert client.read()["message"] == "there is no request 3 here"
    for command in ("fly", "answer", "__init__", "", None, ["next"], {"a": 1}, "ended", "x" * 1000):
        assert "there is no request" in client.refused(command)
    client.send(b'{"seq": 9, "type": "request", "command": "initialize", "arguments": [1]}')
    assert "arguments are an object" in client.read()["message"]
    client.send(b'{"seq": 9, "type": "response", "command": "x"}')  # ignored
    for command in ("stackTrace", "next", "stepBack", "evaluate", "scopes", "variables", "continue", "restart"):
        assert client.refused(command)
    assert "launch or attach" in client.refused("configurationDone")
    assert "does not run yet" in client.refused("pause")
    assert "nothing to attach to" in client.refused("attach")
    for arguments, message in (
        ({}, "needs `program`"),
        ({"program": 3}, "of type str, not int"),
        ({"program": "nowhere.py"}, "there is no file"),
        ({"program": str(program), "args": "a b"}, "of type list"),
        ({"program": str(program), "atCall": 0}, "from 1"),
        ({"program": str(program), "stopOnEntry": "yes"}, "of type bool"),
    ):
        fresh = client.refused("launch", **arguments)
        assert message in fresh
    begun(client, program)
    stopped(client)
    assert "has been started already" in client.refused("launch", program=str(program))
    assert "has been started already" in client.refused("configurationDone")
    for command, arguments in (
        ("setBreakpoints", {}),
        ("setBreakpoints", {"source": {"path": 3}, "breakpoints": []}),
        ("setBreakpoints", {"source": {"path": "x"}, "breakpoints": [3]}),
        ("setBreakpoints", {"source": {"path": "x"}, "breakpoints": [{"line": "1"}]}),
        ("setFunctionBreakpoints", {"breakpoints": [{"name": None}]}),
        ("setFunctionBreakpoints", {"breakpoints": "tanh"}),
        ("setDataBreakpoints", {"breakpoints": [{}]}),
        ("dataBreakpointInfo", {}),
        ("stackTrace", {"startFrame": -1}),
        ("stackTrace", {"levels": "many"}),
        ("scopes", {}),
        ("scopes", {"frameId": 99}),
        ("scopes", {"frameId": -1}),
        ("variables", {"variablesReference": 10**30}),
        ("variables", {"variablesReference": -1}),
        ("evaluate", {}),
        ("evaluate", {"expression": 3}),
        ("setVariable", {"variablesReference": 0, "name": "grad", "value": "1"}),
        ("setExpression", {"expression": "nobody.grad", "value": "1"}),
        ("completions", {"text": 1, "column": 1}),
        ("source", {"sourceReference": 1000}),
    ):
        assert client.refused(command, **arguments), command
    assert moved(client, "next")[0] == "step"
    client.ask("disconnect")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 999999999999\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: five\r\n\r\n",
        b"Content-Length: 5" + b"0" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"x" * 100_000,
        b"Content-Length 5\r\n\r\n",
        b"Content-Type: text\r\n\r\n",
    ],
)
def test_headers_that_are_none_get_an_error_and_end_the_connection(header: bytes, tmp_path: Path) -> None:
    client = Client.of_process([sys.executable, "-m", "autograd", "dap"], env=environment(), cwd=tmp_path)
    with contextlib.suppress(BrokenPipeError):  # it need not have read all of it
        client.send(b"", header)
    answer = client.read()
    assert (answer["type"], answer["success"]) == ("response", False)
    assert client.process is not None
    assert client.process.wait(30) == 0
    client.close()


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_are_a_message_or_an_error(sent: bytes) -> None:
    wire = Wire(io.BytesIO(sent), io.BytesIO())
    for _ in range(400):
        try:
            if wire.receive() is None:
                return
        except MalformedMessageError as error:
            if error.lost:
                return
    raise AssertionError("it does not end")


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=4), st.booleans())
def test_what_is_sent_is_received(message: dict[str, Any], typed: bool) -> None:
    pipe = io.BytesIO()
    Wire(io.BytesIO(), pipe).send(message)
    header = b"Content-Type: application/json\r\n" if typed else b""
    received = Wire(io.BytesIO(header + pipe.getvalue()), io.BytesIO()).receive()
    assert received == {**message, "seq": 1}


def test_limits_of_the_wire() -> None:
    for sent, lost in (
        (b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1), True),
        (b"a" * LONGEST_LINE, True),
        (b"Content-Length: 2\r\n\r\n{]", False),
    ):
        with pytest.raises(MalformedMessageError) as caught:
            Wire(io.BytesIO(sent), io.BytesIO()).receive()
        assert caught.value.lost is lost
    for cut in (b"Content-Le", b"Content-Length: 5\r\n", b"Content-Length: 5\r\n\r\n{}", b""):
        assert Wire(io.BytesIO(cut), io.BytesIO()).receive() is None
