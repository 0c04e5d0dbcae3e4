"""``python -m tests.vscode_adapter``: the debug adapter under Microsoft's own test client for adapters.

It needs node and npm, and installs @vscode/debugadapter-testsupport and mocha into a folder of the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import autograd

ROOT = Path(autograd.__file__).parent.parent
PACKAGES = ("@vscode/debugadapter-testsupport@1.68.0", "mocha@10.7.3")
PROGRAM = """\
import autograd
from autograd import Value


def model(x, w, b):
    h = w * x
    h = h + b
    return h.tanh()


w, b, zero = Value(0.5, "w"), Value(-1.0, "b"), Value(0.0, "zero")
loss = (model(2.0, w, b) - 1.0) ** 2 + zero.sqrt() * zero
loss.backward()
print("gradients", w.grad, b.grad)
"""
ADAPTER = "from autograd.__main__ import main\nmain(['dap'])\n"  # the client runs one file
TESTS = r"""
const assert = require("assert");
const { DebugClient } = require("@vscode/debugadapter-testsupport");
const [python, program] = [process.env.PYTHON, process.env.PROGRAM];

suite("chainrule", function () {
  this.timeout(60000);
  let dc;
  setup(() => {
    dc = new DebugClient(python, "adapter.py", "chainrule", { env: process.env }, true);
    return dc.start();
  });
  teardown(() => dc.stop());

  const launched = (options) => dc.launch({ program, ...options });
  const entry = () =>
    Promise.all([
      dc.waitForEvent("initialized").then(() => dc.configurationDoneRequest()),
      launched({}),
      dc.assertStoppedLocation("entry", { path: program, line: 12 }),
    ]);
  const top = () => dc.stackTraceRequest({ threadId: 1 }).then((answer) => answer.body.stackFrames[0].name);

  test("an unknown request is refused", () =>
    dc.send("illegal_request").then(() => assert.fail("accepted"), (error) => assert(error)));

  test("initialize tells what is supported", () =>
    dc.initializeRequest().then((answer) => {
      assert.equal(answer.body.supportsStepBack, true);
      assert.equal(answer.body.supportsDataBreakpoints, true);
    }));

  test("a pass stops at its start, a program runs to its end", async () => {
    await entry();
    await Promise.all([dc.continueRequest({ threadId: 1 }), dc.waitForEvent("stopped")]);
    await Promise.all([dc.continueRequest({ threadId: 1 }), dc.assertOutput("stdout", "gradients -4.0 -2.0\n"),
      dc.waitForEvent("terminated")]);
  });

  test("next, stepIn, stepOut, stepBack and reverseContinue", async () => {
    await entry();
    const step = async (request) => {
      const [, event] = await Promise.all([dc[`${request}Request`]({ threadId: 1 }), dc.waitForEvent("stopped")]);
      return event.body.reason;
    };
    const first = await top();
    assert.equal(await step("next"), "step");
    const second = await top();
    assert.notEqual(first, second);
    assert.equal(await step("stepIn"), "step");
    assert.equal(await step("stepOut"), "step");
    assert.equal(await step("stepBack"), "step");
    assert.equal(await step("reverseContinue"), "entry");
    assert.equal(await top(), first);
  });

  test("a line breakpoint", () =>
    dc.hitBreakpoint({ program, stopOnEntry: false }, { path: program, line: 7 }));

  test("a conditional breakpoint", async () => {
    await Promise.all([
      dc.waitForEvent("initialized")
        .then(() => dc.setBreakpointsRequest({ source: { path: program },
          breakpoints: [{ line: 7, condition: "upstream > 0" }, { line: 6, condition: "upstream < 0" }] }))
        .then(() => dc.configurationDoneRequest()),
      launched({ stopOnEntry: false }),
      dc.assertStoppedLocation("breakpoint", { path: program, line: 6 }),
    ]);
  });

  test("a function breakpoint", async () => {
    await Promise.all([
      dc.waitForEvent("initialized")
        .then(() => dc.setFunctionBreakpointsRequest({ breakpoints: [{ name: "tanh" }] }))
        .then(() => dc.configurationDoneRequest()),
      launched({ stopOnEntry: false }),
      dc.assertStoppedLocation("function breakpoint", { path: program, line: 8 }),
    ]);
  });

  test("a data breakpoint", async () => {
    await entry();
    const info = await dc.send("dataBreakpointInfo", { name: "b" });
    await dc.send("setDataBreakpoints", { breakpoints: [{ dataId: info.body.dataId }] });
    const [, event] = await Promise.all([dc.continueRequest({ threadId: 1 }), dc.waitForEvent("stopped")]);
    assert.equal(event.body.reason, "data breakpoint");
  });

  test("a nan is caught where it begins", async () => {
    await Promise.all([
      dc.waitForEvent("initialized")
        .then(() => dc.setExceptionBreakpointsRequest({ filters: ["nan"] }))
        .then(() => dc.configurationDoneRequest()),
      launched({ stopOnEntry: false }),
      dc.assertStoppedLocation("exception", { path: program, line: 12 }),
    ]);
    assert.match(await top(), /sqrt\(zero\)/);
  });

  test("variables and evaluate", async () => {
    await entry();
    const scopes = (await dc.scopesRequest({ frameId: 1 })).body.scopes;
    const node = (await dc.variablesRequest({ variablesReference: scopes[0].variablesReference })).body.variables;
    assert(node.some((variable) => variable.name === "grad" && variable.value === "1.0"));
    assert.equal((await dc.evaluateRequest({ expression: "w.data * 2", frameId: 1 })).body.result, "1.0");
  });
});
"""


def main() -> int:
    """Install the client, run its tests, and return mocha's exit status."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        print("node and npm are needed; they are not on the path", file=sys.stderr)
        return 1
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainrule" / "vscode_adapter"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "mocha").is_dir():
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES], check=True)
    (folder / "model.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "adapter.py").write_text(ADAPTER, encoding="utf-8")
    (folder / "adapter.test.js").write_text(TESTS, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PROGRAM": str(folder / "model.py"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    mocha = folder / "node_modules" / "mocha" / "bin" / "mocha.js"
    command = [node, str(mocha), "--ui", "tdd", "--exit", "adapter.test.js"]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
