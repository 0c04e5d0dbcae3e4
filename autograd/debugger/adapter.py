"""Requests of an editor, answered: what the Debug Adapter Protocol asks, of a backward pass.

A frame of the stack is a node on the way to the result, at the place that made it; ``next`` finishes a node,
``stepIn`` takes one contribution, ``stepOut`` leaves the module, ``stepBack`` and ``reverseContinue`` go back.

The protocol: https://microsoft.github.io/debug-adapter-protocol/specification
"""

from __future__ import annotations

import _thread
import io
import linecache
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from .. import modes, ops
from ..errors import InputError
from ..ops import number
from . import views
from .breakpoints import NUMBERS, Breakpoints
from .programs import Passes, Quit, run_program
from .session import Session, Stop
from .shell import Shell
from .wire import MalformedMessageError, Wire

PATIENCE: Final = 5.0  # seconds that a client has for its first message, and a program for its end
_THREAD: Final = 1
_MOST: Final = 1_000  # variables or frames in one answer, where the client does not say how many
_LABELS: Final = {
    "nan": "NaN gradients",
    "inf": "Infinite gradients",
    "explode": "Exploding gradients (more than 1e6 times the first)",
    "vanish": "Vanishing gradients (less than 1e-6 of the first)",
}
_MOTIONS: Final = (
    *("step", "s", "next", "n", "back", "rs", "rnext", "rn", "continue", "c", "cont", "rcontinue", "rc", "return", "r"),
    *("until", "unt", "goto", "restart", "quit", "q", "EOF", "display", "undisplay"),
)


class Motion(NamedTuple):
    """What a request asks for besides an answer: to move in the pass, or to leave it."""

    move: Callable[[Session], Stop] | None = None
    outcome: str = ""
    body: dict[str, Any] | None = None


class Launch(NamedTuple):
    """The program to run."""

    program: str
    arguments: list[str]
    entry: bool = True
    at_call: int = 1
    debugged: bool = True


class Adapter:
    """One editor's debugging of one program.

    The program runs in the thread that calls `run`, which also answers while a pass stands still; `listen` reads, and
    answers what can be answered while the program runs.
    """

    def __init__(self, wire: Wire, script: Launch | None = None) -> None:
        self._wire = wire
        self._script = script  # given with the command, for an editor to attach to
        self._points = Breakpoints()
        self._passes: Passes | None = None
        self._session: Session | None = None  # where it stands still
        self._launch: Launch | None = None
        self._attached = False
        self._requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._turn = threading.RLock()  # held to decide who answers, and by the listener while it answers
        self._ready = threading.Event()  # to run the program
        self._left = threading.Event()  # by the client
        self._leaving = False
        self._timer: threading.Timer | None = None  # ends a program that does not end itself
        self._finished = False
        self._base = {"line": 1, "column": 1}
        self._owned: dict[str, list[int]] = {}  # by what the client sets as a whole: numbers of breakpoints
        self._held: list[tuple[Callable[[], list[dict[str, Any]]], Any]] = []  # by variablesReference - 1

    # ── Both threads ────────────────────────────────────────────────────────────────────────────────────────

    def listen(self) -> None:
        """Read requests until the client leaves."""
        while True:
            try:
                message = self._wire.receive()
            except MalformedMessageError as error:
                self.respond({}, None, str(error))
                if error.lost:
                    break
                continue
            if message is None:
                break
            self.take(message)
            if self._left.is_set():
                return
        self._leave(terminate=not self._attached)

    def take(self, message: dict[str, Any]) -> None:
        """Answer a request, here or in the thread of the pass where it stands still."""
        with self._turn:
            if self._session is not None:
                self._requests.put(message)
                return
            motion = self._answer(message)
        if motion is not None and motion.outcome == "configured":
            self._ready.set()

    def _answer(self, message: dict[str, Any]) -> Motion | None:
        """Answer a request; what is left to do for it is returned."""
        if message.get("type") != "request":
            if message.get("type") not in ("response", "event"):
                self.respond(message, None, "a message has a type: request, response or event")
            return None
        command, arguments = message.get("command"), message.get("arguments")
        try:
            handler = getattr(self, f"_on_{command}", None) if isinstance(command, str) else None
            if handler is None:
                raise InputError(f"there is no request {command!r} here")
            if not isinstance(arguments, (dict, type(None))):
                raise InputError(f"arguments are an object, not {type(arguments).__name__}")
            answer = handler(arguments or {})
        except (Exception, SystemExit) as error:
            text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            self.respond(message, None, text)
            return None
        motion = answer if isinstance(answer, Motion) else None
        self.respond(message, motion.body if motion else answer)
        if command == "initialize":
            self._event("initialized")
        return motion

    def respond(self, request: dict[str, Any], body: Any, error: str = "") -> None:
        """Answer a request with what it asked for, or with an error."""
        seq, command = request.get("seq"), request.get("command")
        response: dict[str, Any] = {
            "type": "response",
            "request_seq": seq if type(seq) is int else 0,
            "command": command if isinstance(command, str) else "",
            "success": not error,
        }
        if error:
            response |= {"message": error, "body": {"error": {"id": 1, "format": error, "showUser": False}}}
        elif body is not None:
            response["body"] = body
        self._wire.send(response)

    def _event(self, name: str, **body: Any) -> None:
        self._wire.send({"type": "event", "event": name, "body": body})

    def printed(self, category: str, text: str) -> None:
        """Show a text in the editor's console: of the program, "stdout" or "stderr", or "console"."""
        self._event("output", category=category, output=text)

    # ── The program's thread ────────────────────────────────────────────────────────────────────────────────

    def run(self) -> int:
        """Wait for the client to be ready, run the program, and wait for the client to leave.

        Returns:
            The program's exit status.
        """
        self._ready.wait()
        launch = self._launch
        if launch is None:  # it left
            return 0
        passes = self._passes = Passes(self._interact, self._points, launch.at_call, launch.entry)
        interrupt = signal.getsignal(signal.SIGINT)

        def interrupted(number: int, frame: Any) -> None:
            if passes.quitting:
                raise Quit
            if callable(interrupt):
                interrupt(number, frame)

        signal.signal(signal.SIGINT, interrupted)
        try:
            status = run_program(launch.program, launch.arguments, passes if launch.debugged else _plain)
        finally:
            with self._turn:
                self._finished = True
                if self._timer is not None:
                    self._timer.cancel()
            signal.signal(signal.SIGINT, interrupt)
        if launch.debugged and passes.calls < launch.at_call and not status:
            self.printed("console", f"backward() was called {passes.calls} times: there was nothing to stop at\n")
        return status

    def end(self, status: int) -> None:
        """Tell the client that the program has ended, and wait for it to leave."""
        self._event("exited", exitCode=status)
        self._event("terminated")
        self._left.wait()

    def _interact(self, session: Session, stop: Stop) -> str:
        """Stand still until the client moves on; the outcome is that of `Passes`."""
        session.tell = lambda text: self.printed("console", f"{text}\n")
        while not self._left.is_set():
            with self._turn:
                self._session = session
            self._report(session, stop)
            motion = self._next_motion()
            with self._turn:
                self._session = None
                waiting = [*_drained(self._requests)]
                for message in waiting:
                    if message is not None:
                        self._answer(message)
            if motion is None or motion.outcome:
                return "quit" if motion is None else motion.outcome
            try:
                assert motion.move is not None
                stop = motion.move(session)
            except (Exception, SystemExit) as error:
                self.printed("stderr", f"{type(error).__name__}: {error}\n")
                stop = Stop("step")
        return "go" if self._attached else "quit"

    def _next_motion(self) -> Motion | None:
        while True:
            message = self._requests.get()
            if message is None:
                return Motion(outcome="go") if self._attached else None
            motion = self._answer(message)
            if motion is not None:
                return motion

    def _report(self, session: Session, stop: Stop) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._held = []
        reason = {"start": "entry", "end": "step", "interrupt": "pause", "watch": "data breakpoint"}.get(
            stop.reason, stop.reason
        )
        body: dict[str, Any] = {"threadId": _THREAD, "allThreadsStopped": True}
        if stop.point is not None:
            body["hitBreakpointIds"] = [stop.point.number]
            if stop.point.kind in NUMBERS:
                reason = "exception"
            elif stop.point.kind in ("name", "op", "mod"):
                reason = "function breakpoint"
        text = "; ".join(views.of_stop(stop, session))
        if session.steps.done:
            text = "the pass has ended: continue goes on with the program"
        if text:
            body |= {"text": text, "description": text}
        self._event("stopped", reason=reason, **body)

    # ── Beginning and ending ────────────────────────────────────────────────────────────────────────────────

    def _on_initialize(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._base = {
            "line": 1 if arguments.get("linesStartAt1", True) else 0,
            "column": 1 if arguments.get("columnsStartAt1", True) else 0,
        }
        supported = (
            "ConfigurationDoneRequest StepBack ConditionalBreakpoints HitConditionalBreakpoints FunctionBreakpoints "
            "LogPoints EvaluateForHovers DataBreakpoints SteppingGranularity RestartRequest ExceptionInfoRequest "
            "SetVariable SetExpression CompletionsRequest TerminateRequest DelayedStackTraceLoading "
            "ClipboardContext"
        )
        return {
            **{f"supports{feature}": True for feature in supported.split()},
            "supportTerminateDebuggee": True,
            "exceptionBreakpointFilters": [
                {"filter": name, "label": label, "default": name == "nan"} for name, label in _LABELS.items()
            ],
        }

    def _on_launch(self, arguments: dict[str, Any]) -> None:
        if self._script is not None:
            raise InputError(f"this server runs {self._script.program}: send attach")
        self._starts_once()
        folder = _given(arguments, "cwd", str, "")
        program = _given(arguments, "program", str, "")
        if not program:
            raise InputError("launch needs `program`, the path of a script")
        path = os.path.join(folder or os.getcwd(), program)
        if not os.path.isfile(path):
            raise InputError(f"there is no file {path}")
        at_call = _given(arguments, "atCall", int, 1)
        if at_call < 1:
            raise InputError(f"atCall is a whole number from 1, not {at_call!r}")
        words = [str(word) for word in _given(arguments, "args", list, [])]
        environment = _given(arguments, "env", dict, {})
        entry = _given(arguments, "stopOnEntry", bool, True)
        debugged = not _given(arguments, "noDebug", bool, False)
        if folder:
            os.chdir(folder)
        for name, value in environment.items():
            if value is None:
                os.environ.pop(str(name), None)
            else:
                os.environ[str(name)] = str(value)
        self._launch = Launch(path, words, entry, at_call, debugged)

    def _on_attach(self, arguments: dict[str, Any]) -> None:
        if self._script is None:
            raise InputError("there is nothing to attach to: start python -m autograd dap --port N script.py")
        self._starts_once()
        self._attached = True
        self._launch = self._script._replace(entry=_given(arguments, "stopOnEntry", bool, True))

    def _starts_once(self) -> None:
        if self._launch is not None:
            raise InputError("the program has been started already")

    def _on_configurationDone(self, arguments: dict[str, Any]) -> Motion:
        if self._launch is None:
            raise InputError("launch or attach comes before configurationDone")
        if self._ready.is_set():
            raise InputError("the program has been started already")
        return Motion(outcome="configured")

    def _on_disconnect(self, arguments: dict[str, Any]) -> Motion:
        return self._ended(_given(arguments, "terminateDebuggee", bool, not self._attached))

    def _on_terminate(self, arguments: dict[str, Any]) -> Motion:
        return self._ended(terminate=True, leave=False)

    def _ended(self, terminate: bool, leave: bool = True) -> Motion:
        """The client leaves, or ends the program."""
        self._points.clear()
        if self._session is None:  # the program runs, or has ended
            threading.Timer(0.0, self._leave, (terminate, leave)).start()  # once this has been answered
        elif leave:
            self._left.set()
        return Motion(outcome="quit" if terminate else "go")

    def _leave(self, terminate: bool, leave: bool = True) -> None:
        """The client has left while the program was running, if it was: end the program, or let it run on."""
        with self._turn:
            self._points.clear()
            if leave:
                self._left.set()
            self._requests.put(None)
            passes, leaving, self._leaving = self._passes, self._leaving, True
            if passes is None:
                self._launch = None
            elif not leaving:
                passes.quitting = terminate
                if passes.session is not None:
                    passes.session.interrupted = True
                elif terminate and not self._finished:
                    self._timer = _interrupt_program()
        self._ready.set()

    def _on_threads(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"threads": [{"id": _THREAD, "name": "backward pass"}]}

    # ── Breakpoints ─────────────────────────────────────────────────────────────────────────────────────────

    def _replace(self, owner: str, wanted: Sequence[Callable[[], Any]]) -> dict[str, Any]:
        """Set breakpoints in the place of those that were set by the same request before."""
        for number_ in self._owned.pop(owner, ()):
            if number_ in {point.number for point in self._points}:
                self._points.remove(number_)
        answers = []
        mine = self._owned[owner] = []
        for make in wanted:
            try:
                point = make()
            except InputError as error:
                answers.append({"verified": False, "message": str(error)})
                continue
            mine.append(point.number)
            answer = {"id": point.number, "verified": True}
            if point.kind == "line":
                answer["line"] = point.line - 1 + self._base["line"]
                if self._session is not None and not self._is_met_by_some(point):
                    answer |= {"verified": False, "message": "no node of this graph was made on this line"}
            answers.append(answer)
        return {"breakpoints": answers}

    def _is_met_by_some(self, point: Any) -> bool:
        session = self._session
        assert session is not None
        return any(
            point.is_line_of(session.source(nodes[0]))
            for file in session.files()
            for nodes in session.in_file(file).values()
        )

    def _on_setBreakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        path = _given(_given(arguments, "source", dict), "path", str)
        breakpoints = _given(arguments, "breakpoints", list, [])
        return self._replace(path, [self._maker("line", entry, path) for entry in breakpoints])

    def _maker(self, kind: str, entry: Any, path: str = "") -> Callable[[], Any]:
        if not isinstance(entry, dict):
            raise InputError(f"a breakpoint is an object, not {entry!r}")
        if kind == "line":
            what = f"{path}:{_given(entry, 'line', int) + 1 - self._base['line']}"
        else:
            what = _given(entry, "name" if kind == "name" else "dataId", str)
            prefix, _, rest = what.partition(":")
            if kind == "name" and prefix in ("op", "mod") and rest:
                kind, what = prefix, rest
            elif kind == "name" and isinstance(getattr(ops, what, None), ops.Op):
                kind = "op"
        options: dict[str, Any] = {"hit_condition": _given(entry, "hitCondition", str, "")}
        if "logMessage" in entry:
            options["message"] = _given(entry, "logMessage", str)
        condition = _given(entry, "condition", str, "")
        return lambda: self._points.add(kind, what, condition, **options)

    def _on_setFunctionBreakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        entries = _given(arguments, "breakpoints", list, [])
        return self._replace("functions", [self._maker("name", entry) for entry in entries])

    def _on_setExceptionBreakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        filters = _given(arguments, "filters", list, [])

        def caught(kind: Any) -> Any:
            if kind not in NUMBERS:
                raise InputError(f"there is no filter {kind!r}; there are: {', '.join(NUMBERS)}")
            return self._points.add(kind)

        return self._replace("exceptions", [lambda kind=kind: caught(kind) for kind in filters])  # type: ignore[misc]

    def _on_dataBreakpointInfo(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = _given(arguments, "name", str)
        session = self._stopped()
        reference = arguments.get("variablesReference")
        try:
            if reference and name == "grad":
                name = session.steps.names[self._held[reference - 1][1]]
            name = name.removesuffix(".grad")
            session.find(name)
        except (InputError, IndexError, KeyError, TypeError):
            return {"dataId": None, "description": f"{name} is no node of this graph"}
        return {"dataId": name, "description": f"the gradient of {name}", "accessTypes": ["write"]}

    def _on_setDataBreakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        entries = _given(arguments, "breakpoints", list, [])
        return self._replace("data", [self._maker("watch", entry) for entry in entries])

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────

    def _stopped(self) -> Session:
        if self._session is None:
            raise InputError("the program is running: this can be answered where a backward pass stands still")
        return self._session

    def _moved(self, move: Callable[[Session], Stop], at_end: str = "") -> Motion:
        if self._stopped().steps.done and at_end:
            return Motion(outcome=at_end)
        return Motion(move)

    def _on_next(self, arguments: dict[str, Any]) -> Motion:
        by_step = arguments.get("granularity") == "instruction"
        return self._moved(lambda session: session.step() if by_step else session.next(), "pass")

    def _on_stepIn(self, arguments: dict[str, Any]) -> Motion:
        return self._moved(lambda session: session.step(), "pass")

    def _on_stepOut(self, arguments: dict[str, Any]) -> Motion:
        return self._moved(lambda session: session.leave(), "pass")

    def _on_stepBack(self, arguments: dict[str, Any]) -> Motion:
        by_step = arguments.get("granularity") == "instruction"
        return self._moved(lambda session: session.step(-1) if by_step else session.next(-1))

    def _on_continue(self, arguments: dict[str, Any]) -> Motion:
        return self._moved(lambda session: session.proceed(), "go")._replace(body={"allThreadsContinued": True})

    def _on_reverseContinue(self, arguments: dict[str, Any]) -> Motion:
        return self._moved(lambda session: session.proceed(back=True))

    def _on_restart(self, arguments: dict[str, Any]) -> Motion:
        return self._moved(lambda session: session.restart())

    def _on_pause(self, arguments: dict[str, Any]) -> None:
        passes = self._passes
        if passes is None:
            raise InputError("the program does not run yet")
        passes.stops = True
        if passes.session is not None:
            passes.session.interrupted = True

    # ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────

    def _on_stackTrace(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self._stopped()
        first = _given(arguments, "startFrame", int, 0)
        count = _given(arguments, "levels", int, 0) or _MOST
        if first < 0 or count < 0:
            raise InputError("startFrame and levels are numbers from 0")
        path = session.path(first + count + 1)
        frames = [self._frame(session, i, node) for i, node in enumerate(path[: first + count])][first:]
        more = len(path) > first + count  # how many is not known without walking all of them
        return {"stackFrames": frames, "totalFrames": len(path) + (count if more else 0)}

    def _frame(self, session: Session, i: int, node: Any) -> dict[str, Any]:
        names, g = session.steps.names, session.gradient_of(node)
        made = f"{names[node]} = {names.formula(node)}" if node.inputs else names[node]
        frame: dict[str, Any] = {
            "id": i + 1,
            "name": f"{made}   d{names.output}/d{names[node]} = {'none' if g is None else f'{g:.6g}'}",
            "line": 0,
            "column": 0,
        }
        source = session.source(node)
        if source is None:
            frame["presentationHint"] = "subtle"
            return frame
        place: dict[str, Any] = {"name": os.path.basename(source.file)}
        if os.path.isfile(source.file):
            place["path"] = os.path.abspath(source.file)
        else:  # typed in, or generated
            place["sourceReference"] = self._hold(list, source.file)
        line, column = self._base["line"] - 1, self._base["column"]
        return frame | {
            "source": place,
            "line": source.line + line,
            "column": _utf16(source.file, source.line, source.column) + column,
            "endLine": source.end_line + line,
            "endColumn": _utf16(source.file, source.end_line, source.end_column) + column,
        }

    def _on_source(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._stopped()
        _, file = self._held_by(_given(arguments, "sourceReference", int))
        return {"content": "".join(linecache.getlines(file)) if isinstance(file, str) else ""}

    def _on_scopes(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self._stopped()
        frame = _given(arguments, "frameId", int)
        path = session.path(max(frame, 1))
        if not 1 <= frame <= len(path):
            raise InputError(f"there is no frame {frame}")
        node = path[frame - 1]
        named = session.names()

        def all_named() -> list[dict[str, Any]]:
            return [self._variable(session.steps.names[node], node) for nodes in named.values() for node in nodes]

        return {
            "scopes": [
                self._scope("Node", self._hold(lambda: self._of_node(session, node), node)),
                self._scope("Inputs", self._hold(lambda: self._of_inputs(session, node), node), len(node.inputs)),
                self._scope("Named gradients", self._hold(all_named, None), sum(map(len, named.values()))),
            ]
        }

    @staticmethod
    def _scope(name: str, reference: int, count: int = 0) -> dict[str, Any]:
        scope = {"name": name, "variablesReference": reference, "expensive": False}
        return scope | ({"namedVariables": count} if count else {})

    def _hold(self, variables: Callable[[], list[dict[str, Any]]], owner: Any) -> int:
        self._held.append((variables, owner))
        return len(self._held)

    def _held_by(self, reference: int) -> tuple[Callable[[], list[dict[str, Any]]], Any]:
        if not 1 <= reference <= len(self._held):
            raise InputError(f"there is no reference {reference} since the pass has moved")
        return self._held[reference - 1]

    def _on_variables(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._stopped()
        variables, _ = self._held_by(_given(arguments, "variablesReference", int))
        first, count = _given(arguments, "start", int, 0), _given(arguments, "count", int, 0)
        if first < 0 or count < 0:
            raise InputError("start and count are numbers from 0")
        return {"variables": variables()[first : first + (count or _MOST)]}

    def _variable(self, name: str, node: Any) -> dict[str, Any]:
        session = self._stopped()
        g = session.gradient_of(node)
        return {
            "name": name,
            "value": f"{node.data:.6g}, gradient {session.state_of(node) if g is None else f'{g:.6g}'}",
            "type": "Value",
            "variablesReference": self._hold(lambda: self._of_node(session, node), node),
            "evaluateName": name if name.isidentifier() else "",
        }

    def _of_node(self, session: Session, node: Any) -> list[dict[str, Any]]:
        names, g = session.steps.names, session.gradient_of(node)
        facts = [("name", names[node]), ("data", repr(node.data)), ("grad", "none" if g is None else repr(g))]
        facts.append(("state", session.state_of(node)))
        if node.inputs:
            facts += [("op", node.op), ("formula", names.formula(node))]
        facts += [(name, text) for name, text in (("label", node.label), ("module", node.module)) if text]
        return [_fact(name, text) for name, text in facts]

    def _of_inputs(self, session: Session, node: Any) -> list[dict[str, Any]]:
        steps, names = session.steps, session.steps.names
        mine = {step.position: step for step in steps.of_node(node)} if not steps.done else {}
        if not mine:  # an outer frame: its steps have been taken
            mine = {step.position: step for x in set(_values(node)) for step in steps.sent_to(x) if step.node is node}
        variables = []
        for i, x in enumerate(node.inputs):
            if type(x) is float:
                variables.append(_fact(f"[{i}]", f"{x!r}, a constant"))
                continue
            step = mine.get(i)
            variable = self._variable(names[x], x)
            if step is not None and step.contribution is not None:
                taken = "" if step.index < steps.position else ", comes next" if step.index == steps.position else ""
                sent = f"{step.upstream:.6g} · {step.local:.6g} = {step.contribution:.6g}"
                variable["value"] += f"   is sent {sent} ({views.slope(step)}){taken}"
            variables.append(variable)
        return variables

    def _on_evaluate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self._stopped()
        expression = _given(arguments, "expression", str)
        frame = _given(arguments, "frameId", int, 1)
        session.frame = max(0, min(frame, len(session.path(max(frame, 1)))) - 1)
        try:
            value = session.scope.value(expression)
        except (SyntaxError, NameError):
            answer = self._at_the_prompt(session, expression) if arguments.get("context") == "repl" else None
            if answer is None:
                raise
            return {"result": answer, "variablesReference": 0}
        if type(value) is type(session.root):
            names = session.steps.names
            shown = self._variable(names[value] if session.steps.reached(value) else "", value)
            return {"result": shown["value"], "type": "Value", "variablesReference": shown["variablesReference"]}
        return {"result": repr(value), "type": type(value).__name__, "variablesReference": 0}

    def _at_the_prompt(self, session: Session, line: str) -> str | None:
        """What the prompt answers to a command that does not move; None where the line is none."""
        word = line.split(maxsplit=1)[0] if line.split() else ""
        if word in _MOTIONS or not hasattr(Shell, f"do_{word}"):
            return None
        out = io.StringIO()
        shell = Shell(stdin=io.StringIO(), stdout=out)
        shell.session, shell.points = session, session.points
        shell.onecmd(shell.precmd(line))
        return out.getvalue().rstrip("\n")

    def _on_setVariable(self, arguments: dict[str, Any]) -> dict[str, Any]:
        _, node = self._held_by(_given(arguments, "variablesReference", int))
        if _given(arguments, "name", str) != "grad" or node is None or isinstance(node, str):
            raise InputError("only the gradient of a node can be set")
        return self._set(node, _given(arguments, "value", str))

    def _on_setExpression(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name, dot, attribute = _given(arguments, "expression", str).rpartition(".")
        if not dot or attribute != "grad":
            raise InputError("only the gradient of a node can be set, as h.grad")
        return self._set(self._stopped().find(name), _given(arguments, "value", str))

    def _set(self, node: Any, expression: str) -> dict[str, Any]:
        session = self._stopped()
        session.set_gradient(node, number(session.scope.value(expression), "a gradient"))
        return {"value": repr(session.gradient_of(node))}

    def _on_exceptionInfo(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self._stopped()
        step = session.next_step
        about = session.focus if step is None else step.input
        return {
            "exceptionId": "gradient",
            "description": "\n".join(views.of_place(session)),
            "breakMode": "always",
            "details": {"message": session.why(about)},
        }

    def _on_completions(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self._stopped()
        before = _given(arguments, "text", str)[: max(0, _given(arguments, "column", int) - self._base["column"])]
        word = before.split()[-1] if before and not before[-1].isspace() else ""
        names = sorted(name for name in session.names() if name.startswith(word))
        return {"targets": [{"label": name, "type": "variable"} for name in names[:_MOST]]}


def _given(arguments: dict[str, Any], name: str, kind: type, *default: Any) -> Any:
    """An argument of a request, of the right type."""
    value = arguments.get(name)
    if value is None:
        if not default:
            raise InputError(f"the argument {name!r} is missing")
        return default[0]
    if type(value) is not kind:
        raise InputError(f"the argument {name!r} is of type {kind.__name__}, not {type(value).__name__}")
    return value


def _fact(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "value": text, "variablesReference": 0}


def _values(node: Any) -> list[Any]:
    return [x for x in node.inputs if type(x) is not float]


def _utf16(file: str, line: int, column: int) -> int:
    """A column in characters as the protocol counts it: in UTF-16 code units."""
    text = linecache.getline(file, line)[:column]
    return column if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _drained(requests: queue.Queue[Any]) -> list[Any]:
    found = []
    while not requests.empty():
        found.append(requests.get())
    return found


def _interrupt_program() -> threading.Timer:
    """Make the main thread leave what it does; where it does not, end the process."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
    timer = threading.Timer(PATIENCE, os._exit, (1,))
    timer.daemon = True
    timer.start()
    return timer


def _plain(root: Any, gradient: float) -> None:
    with modes.mode(0, modes.DEBUG):
        root.backward(gradient)
