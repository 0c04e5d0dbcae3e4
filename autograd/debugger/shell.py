"""The prompt: pdb's words for a backward pass that goes both ways.

What each word does is said in the docstring of its method, which is what ``help`` prints.
"""

from __future__ import annotations

import cmd
import contextlib
import importlib
import os
import pprint
import re
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal

from ..errors import InputError
from ..ops import number
from . import views
from .breakpoints import NUMBERS, Breakpoint, Breakpoints
from .session import Session, Stop

Outcome = Literal["", "go", "pass", "quit"]  # on with the program; to the next backward(); out of it all

STARTUP: Final = ".gradrc"  # commands to begin with, at home and in the current folder
HISTORY: Final = ".grad_history"  # at home
FRAMES: Final = 20  # of a path, unless more are asked for
_REMEMBERED: Final = 1_000  # lines of history
_PAINT: Final = {"heading": "1", "bad": "31;1", "next": "36", "quiet": "2"}


class Shell(cmd.Cmd):
    r"""A prompt on a session.

    Args:
        points: breakpoints that are set already.
        stdin: where commands come from; the terminal, with completion and history, unless given.
        stdout: where answers go.
        commands: what to do first.

    Attributes:
        session: the pass that it talks about.

    >>> import io
    >>> from autograd import Value
    >>> x = Value(2.0, "x")
    >>> shell = Shell(stdin=io.StringIO("c\nback\nq\n"))
    >>> session = Session(x * x, points=shell.points)
    >>> shell.interact(session, Stop("start"))
    > [0/2] L = x * x   dL/dL = 1
      * dL/dx = x = 2   contributes 1 · 2 = 2
        dL/dx = x = 2   contributes 1 · 2 = 2
    no lines are known: build the graph inside `with autograd.trace():` to see where each node was made
    (grad) > [2/2] the pass has ended   L = 4
      dL/dx = 4
    (grad) > [1/2] L = x * x   dL/dL = 1
      + dL/dx = x = 2   contributes 1 · 2 = 2
      * dL/dx = x = 2   contributes 1 · 2 = 2
    (grad) 'quit'
    >>> x.has_grad
    False
    """

    prompt = "(grad) "
    session: Session

    def __init__(
        self,
        points: Breakpoints | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        commands: Iterable[str] = (),
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None and stdout is None
        self.points = Breakpoints() if points is None else points
        self.cmdqueue = [*commands]
        self.outcome: Outcome = ""
        self._displayed: dict[str, str] = {}
        self._listed: tuple[str, int] | None = None  # the file, and the line after the last one that was listed
        self._colours = _may_colour(self.stdout)
        self._said_untraced = False

    # ── Talking ─────────────────────────────────────────────────────────────────────────────────────────────

    def interact(self, session: Session, stop: Stop) -> Outcome:
        """Show where a pass stopped, and do what is typed, until it leaves the pass."""
        self.session, self.points, self.outcome = session, session.points, ""
        session.tell = self.say
        self._shown(stop)
        if not session.traced and not self._said_untraced:
            self._said_untraced = True
            self.say(
                "no lines are known: build the graph inside `with autograd.trace():` to see where each node was made"
            )
        with self._history() if self.use_rawinput else contextlib.nullcontext():
            while not self.outcome:
                try:
                    self.cmdloop()
                except KeyboardInterrupt:
                    self.say("--KeyboardInterrupt--")
        return self.outcome

    def say(self, text: object = "") -> None:
        """Print a line."""
        print(text, file=self.stdout, flush=True)

    def onecmd(self, line: str) -> bool:
        """Do one command; what goes wrong in it is told and ends there."""
        try:
            return bool(super().onecmd(line))
        except (Exception, RecursionError) as error:
            self._refuse(error)
        return False

    def precmd(self, line: str) -> str:
        """``;;`` separates commands, ``#`` begins a comment."""
        if line.lstrip().startswith("#"):
            return line.strip()
        first, separator, rest = line.partition(";;")
        if separator:
            self.cmdqueue.insert(0, rest.strip())
        return first.strip()

    def parseline(self, line: str) -> tuple[str | None, str | None, str]:
        """A command's word stands alone: h.grad, c[0], n = 3 and !n are Python."""
        word = re.match(r"\s*\w+", line)
        rest = line[word.end() :] if word else ""
        if (rest and not rest[0].isspace()) or re.match(r"\s*=(?!=)", rest):
            return None, None, line
        return super().parseline(line)

    def postcmd(self, stop: bool, line: str) -> bool:
        """Leave the loop where a command has left the pass."""
        return bool(self.outcome)

    def default(self, line: str) -> None:
        """Everything else is Python: an expression's value is printed, a statement is run."""
        line = line.removeprefix("!").strip()
        if not line or line.startswith("#"):
            return
        try:
            code = compile(line, "<debugger>", "eval")
        except SyntaxError:
            self.session.scope.run(line)
            return
        value = self.session.scope.value(code)
        if value is not None:
            self.say(repr(value))

    def _refuse(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self.say(self._painted("bad", f"*** {text}"))

    def _painted(self, how: str, text: str) -> str:
        return f"\x1b[{_PAINT[how]}m{text}\x1b[0m" if self._colours else text

    @contextlib.contextmanager
    def _history(self) -> Iterator[None]:
        """Lines that were typed in earlier sessions, apart from those of the Python around this one."""
        try:
            import readline
        except ImportError:
            yield
            return
        outside = [readline.get_history_item(i + 1) for i in range(readline.get_current_history_length())]
        path = Path.home() / HISTORY
        readline.clear_history()
        with contextlib.suppress(OSError):
            readline.read_history_file(path)
        try:
            yield
        finally:
            readline.set_history_length(_REMEMBERED)
            with contextlib.suppress(OSError):
                readline.write_history_file(path)
            readline.set_history_length(-1)
            readline.clear_history()
            for line in outside:
                readline.add_history(line)

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C stops the pass at a step, not within one."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number: int, frame: object) -> None:
            self.session.interrupted = True

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _shown(self, stop: Stop) -> None:
        """Say why and where it stopped, and what is displayed."""
        self._listed = None
        self._say_all(views.of_stop(stop, self.session, self._painted))
        self._show_place()
        for expression, before in self._displayed.items():
            now = self._displayed[expression] = self._valued(expression)
            self.say(f"  display {expression} = {now}" + (f"   was {before}" if now != before else ""))

    def _show_place(self) -> None:
        try:
            self._say_all(views.of_place(self.session, self._painted))
        except Exception as error:  # a hook or a rule of the user's, in the step that comes next
            self._refuse(error)

    def _say_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.say(line)

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────

    def do_step(self, argument: str) -> None:
        """s(tep) [count]
        Take one step: one contribution, to one input. At the end of the pass: on to the program's next backward().
        """
        if self.session.steps.done:
            self._leave("pass")
        else:
            self._shown(self.session.step(_count(argument)))

    def do_next(self, argument: str) -> None:
        """n(ext) [count]
        Take all steps that are left of this node. At the end of the pass: on to the program's next backward().
        """
        if self.session.steps.done:
            self._leave("pass")
        else:
            self._shown(self.session.next(_count(argument)))

    def do_back(self, argument: str) -> None:
        """back [count] | rs
        Undo one step: every gradient is again what it was, to the last bit.
        """
        self._shown(self.session.step(-_count(argument)))

    def do_rnext(self, argument: str) -> None:
        """rn(ext) [count]
        Back to where this node's turn began; where it stands there, to where the turn of the one before began.
        """
        self._shown(self.session.next(-_count(argument)))

    def do_continue(self, argument: str) -> None:
        """c(ont(inue))
        Run to the next breakpoint or watchpoint, or to the end of the pass; from there, on with the program.
        """
        _no(argument)
        if self.session.steps.done:
            self._leave("go")
            return
        with self._interruptible():
            stop = self.session.proceed()
        self._shown(stop)

    def do_rcontinue(self, argument: str) -> None:
        """rc(ontinue)
        Run backwards to the breakpoint or watchpoint before this place, or to the start of the pass.
        """
        _no(argument)
        with self._interruptible():
            stop = self.session.proceed(back=True)
        self._shown(stop)

    def do_return(self, argument: str) -> None:
        """r(eturn)
        Run on until the pass leaves the nn module that made this node; outside of modules, the function.
        """
        _no(argument)
        with self._interruptible():
            stop = self.session.leave()
        self._shown(stop)

    def do_until(self, argument: str) -> None:
        """unt(il) NODE
        Run on until a node's gradient is complete. Breakpoints on the way stop it.
        """
        node = self._node(argument)
        with self._interruptible():
            stop = self.session.until(node)
        self._shown(stop)

    def do_goto(self, argument: str) -> None:
        """goto K
        Go to where K steps have been taken, forwards or back, past all breakpoints.
        """
        if not argument.isdecimal():
            raise InputError(f"goto K takes a number of steps, not {argument!r}")
        with self._interruptible():
            stop = self.session.goto(int(argument))
        self._shown(stop)

    def do_restart(self, argument: str) -> None:
        """restart
        Undo all steps, and what was set, and begin the pass anew. Breakpoints stay.
        """
        _no(argument)
        self._shown(self.session.restart())

    def do_quit(self, argument: str) -> None:
        """q(uit) | Ctrl-D
        Leave: all steps are undone, unless the pass has ended. A script that the debugger runs ends too.
        """
        _no(argument)
        self._leave("quit")

    def do_EOF(self, argument: str) -> None:  # noqa: N802 - cmd's name for it
        """The end of the input: as quit."""
        self.say()
        self._leave("quit")

    def _leave(self, outcome: Outcome) -> None:
        self.session.quit()
        self.outcome = outcome

    # ── Stopping ────────────────────────────────────────────────────────────────────────────────────────────

    def do_break(self, argument: str) -> None:
        """b(reak) [NAME | op:OP | FILE:LINE | LINE | mod:PATH | nan | inf | if CONDITION] [if CONDITION]
        Stop where a node's gradient is complete: at nodes of a name, an op (its name or its sign), a line of source;
        where the pass comes into an nn module; before a step that makes a nan or an infinity. A condition is a Python
        expression, in which `upstream`, `local`, `contribution`, `node`, `input` and `step` are those of the next
        step: b op:tanh if abs(local) < 1e-3. Without argument, list all.
        """
        if not argument:
            for point in self.points:
                self.say(point)
            return
        self._set(argument, temporary=False)

    def do_tbreak(self, argument: str) -> None:
        """tb(reak) …
        As break, but it stops once and is gone.
        """
        if not argument:
            raise InputError("tbreak takes what break takes")
        self._set(argument, temporary=True)

    def do_watch(self, argument: str) -> None:
        """watch NODE [if CONDITION]
        Stop where a node's gradient has changed; backwards, before it changes.
        """
        name, condition = _conditional(argument)
        if not name:
            raise InputError("watch NODE: a label, a variable, or a name that was shown")
        self.session.find(name)
        self.say(f"Watchpoint {self.points.add('watch', name, condition)}")

    def do_unwatch(self, argument: str) -> None:
        """unwatch [NODE]
        Take the watchpoint on a node away; without argument, all of them.
        """
        found = [point for point in self.points if point.kind == "watch" and argument in ("", point.what)]
        if argument and not found:
            raise InputError(f"{argument} is not watched")
        for point in found:
            self._cleared(point)

    def do_catch(self, argument: str) -> None:
        """catch nan | inf | explode [LIMIT] | vanish [LIMIT]
        Stop before the step that makes a nan, an infinity, a gradient more than 1e6 times the one that the pass began
        with, or less than 1e-6 of it and not 0, out of one that was not so.
        """
        kind, _, limit = argument.partition(" ")
        if kind not in NUMBERS or (limit and kind in ("nan", "inf")):
            raise InputError(f"catch nan, inf, explode [LIMIT] or vanish [LIMIT], not {argument!r}")
        self.say(f"Breakpoint {self.points.add(kind, limit.strip())}")

    def do_clear(self, argument: str) -> None:
        """cl(ear) [NUMBER …]
        Take breakpoints and watchpoints away, those of these numbers or all.
        """
        for point in self._numbered(argument):
            self._cleared(point)

    def do_enable(self, argument: str) -> None:
        """enable [NUMBER …]
        Let breakpoints stop again that were disabled.
        """
        for point in self._numbered(argument):
            point.enabled = True
            self.say(f"Enabled {point}")

    def do_disable(self, argument: str) -> None:
        """disable [NUMBER …]
        Keep breakpoints, but don't stop at them.
        """
        for point in self._numbered(argument):
            point.enabled = False
            self.say(f"Disabled {point}")

    def do_condition(self, argument: str) -> None:
        """condition NUMBER [CONDITION]
        Give a breakpoint another condition, or none.
        """
        which, _, condition = argument.partition(" ")
        point = self.points[_number(which)]
        point.set_condition(condition)
        self.say(f"Breakpoint {point}")

    def do_ignore(self, argument: str) -> None:
        """ignore NUMBER [COUNT]
        Pass a breakpoint by so many times.
        """
        which, _, count = argument.partition(" ")
        point = self.points[_number(which)]
        point.ignored = _number(count.strip() or "0")
        self.say(f"Breakpoint {point}")

    def _set(self, argument: str, temporary: bool) -> None:
        spec, condition = _conditional(argument)
        kind, what = self._meant(spec)
        point = self.points.add(kind, what, condition, temporary=temporary)
        self.say(f"Breakpoint {point}")
        if kind == "line" and not any(
            point.is_line_of(self.session.source(nodes[0]))
            for file in self.session.files()
            for nodes in self.session.in_file(file).values()
        ):
            self.say("  no node of this graph was made there")

    def _meant(self, spec: str) -> tuple[str, str]:
        """The kind of a breakpoint, and what it is set on."""
        if spec in NUMBERS:
            return spec, ""
        if not spec:
            return "any", ""
        prefix, _, rest = spec.partition(":")
        if prefix in ("op", "mod") and rest:
            if prefix == "op" and not any(rest in (op.name, op.symbol) for op in self.session.ops()):
                raise InputError(f"no op of this graph is called {rest!r}; there are: {', '.join(self._op_names())}")
            return prefix, rest
        if spec.isdecimal():
            source = self.session.source(self.session.focus)
            if source is None:
                raise InputError("the file of a line is not known here: write FILE:LINE")
            return "line", f"{source.file}:{spec}"
        if spec.rpartition(":")[2].isdecimal() and ":" in spec:
            return "line", spec
        node = self.session.find(spec)
        if node._operation is None and len(self.session.names().get(spec, [node])) == 1:
            raise InputError(
                f"{spec} is a leaf, which has no turn: watch {spec} stops where its gradient changes, "
                f"and at the end of the pass it is complete"
            )
        return "name", spec

    def _cleared(self, point: Breakpoint) -> None:
        self.points.remove(point.number)
        self.say(f"Cleared {point}")

    def _numbered(self, argument: str) -> list[Breakpoint]:
        return [self.points[_number(word)] for word in argument.split()] if argument else [*self.points]

    # ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────

    def do_where(self, argument: str) -> None:
        """w(here) [count] | bt
        The way from the result to this node by which most of its gradient comes, with the factor of every link.
        """
        self._say_all(views.of_way(self.session, _count(argument, FRAMES)))

    def do_up(self, argument: str) -> None:
        """u(p) [count]
        Look at the next node towards the result.
        """
        self._look(_count(argument))

    def do_down(self, argument: str) -> None:
        """d(own) [count]
        Look at the next node back towards the one whose turn it is.
        """
        self._look(-_count(argument))

    def _look(self, by: int) -> None:
        session = self.session
        frame = session.frame + by
        if by > 0 and len(session.path(session.frame + 2)) <= session.frame + 1:
            raise InputError("this is the result: there is nothing above it")
        if by < 0 and not session.frame:
            raise InputError("this is the node whose turn it is: there is nothing below it")
        session.frame = max(0, min(frame, len(session.path(max(frame, 0) + 1)) - 1))
        self._listed = None
        self._show_place()

    def do_list(self, argument: str) -> None:
        """l(ist) [. | LINE | FIRST, LAST]
        The source around the line that made this node, or on from the last list, with the gradients of what each line
        made, newest first. -> is this node's line, B has a breakpoint.
        """
        source = self.session.source(self.session.focus)
        if source is None:
            raise InputError("no lines are known of this node: build the graph inside `with autograd.trace():`")
        first, last = self._range(argument, source.file, source.line)
        self._say_all(views.of_lines(self.session, source.file, first, last, source.line, self._painted))
        self._listed = source.file, last + 1

    def _range(self, argument: str, file: str, line: int) -> tuple[int, int]:
        if argument in ("", "."):
            first = max(1, line - views.AROUND)
            if not argument and self._listed is not None and self._listed[0] == file:
                first = self._listed[1]
            return first, first + 2 * views.AROUND
        begin, comma, end = (word.strip() for word in argument.partition(","))
        if not begin.isdecimal() or (comma and not end.isdecimal()):
            raise InputError(f"list takes a line, or two with a comma between, not {argument!r}")
        if comma:
            return max(1, int(begin)), max(int(begin), int(end))
        return max(1, int(begin) - views.AROUND), int(begin) + views.AROUND

    def do_args(self, argument: str) -> None:
        """a(rgs)
        The inputs of this node: their numbers, and their gradients so far.
        """
        self._say_all(views.of_inputs(self.session, self.session.focus))

    def do_p(self, argument: str) -> None:
        """p EXPRESSION
        The value of an expression. It knows the nodes by name, the program's variables, and of the next step
        `step`, `node`, `input`, `upstream`, `local`, `contribution`; `output` is the result.
        """
        if not argument:
            raise InputError("p takes an expression")
        self.say(repr(self.session.scope.value(argument)))

    def do_pp(self, argument: str) -> None:
        """pp EXPRESSION
        As p, but pretty.
        """
        if not argument:
            raise InputError("pp takes an expression")
        self.say(pprint.pformat(self.session.scope.value(argument)))

    def do_display(self, argument: str) -> None:
        """display [EXPRESSION]
        Show the value of an expression at every stop; without argument, list them.
        """
        if not argument:
            for expression, value in self._displayed.items():
                self.say(f"  display {expression} = {value}")
            return
        self._displayed[argument] = self._valued(argument)
        self.say(f"  display {argument} = {self._displayed[argument]}")

    def do_undisplay(self, argument: str) -> None:
        """undisplay [EXPRESSION]
        Show it no longer; without argument, none.
        """
        if argument and argument not in self._displayed:
            raise InputError(f"{argument} is not displayed")
        for expression in [argument] if argument else [*self._displayed]:
            del self._displayed[expression]

    def _valued(self, expression: str) -> str:
        try:
            return repr(self.session.scope.value(expression))
        except Exception as error:
            return f"<{type(error).__name__}: {error}>"

    def do_info(self, argument: str) -> None:
        """i(nfo) [NODE]
        All there is to know of a node: what made it, where, its gradient and who has sent it.
        """
        self._say_all(views.of_node(self.session, self._node(argument), self._painted))

    def do_tree(self, argument: str) -> None:
        """tree [NODE] [depth]
        What a node was computed from, indented, with numbers and gradients; 3 levels unless said otherwise.
        """
        words = argument.split()
        depth = int(words.pop()) if words and words[-1].isdecimal() else 3
        self._say_all(views.of_tree(self.session, self._node(" ".join(words)), depth))

    def do_why(self, argument: str) -> None:
        """why [NODE]
        Why a node's gradient is what it will be at the end of the pass: zero, nan, huge, tiny, or not there at all.
        """
        self.say(self.session.why(self._node(argument)))

    def do_graph(self, argument: str) -> None:
        """graph [FILE]
        Draw the graph as it is now, this node marked; graph.svg unless said otherwise.
        """
        node = self.session.focus
        self._written("draw", argument or "graph.svg", highlight={node: "here"})

    def do_player(self, argument: str) -> None:
        """player [FILE]
        Write a page that plays the whole pass; player.html unless said otherwise.
        """
        position, done = self.session.steps.position, self.session.steps.done
        self.session.steps.goto(0)
        try:
            self._written("player", argument or "player.html", gradient=self.session.gradient)
        finally:
            self.session.steps.run() if done else self.session.steps.goto(position)

    def _written(self, name: str, file: str, **options: Any) -> None:
        function = getattr(importlib.import_module(__package__.partition(".")[0]), name, None)
        if function is None:
            raise InputError(f"this installation has no autograd.{name}")
        self.say(f"wrote {function(self.session.root, **options).save(file)}")

    def do_set(self, argument: str) -> None:
        """set NODE.grad EXPRESSION
        Give a node another gradient and let the pass go on with it: the node whose turn it is, one whose turn is still
        to come, or a leaf. Going back over this place takes it back.
        """
        target, _, expression = argument.partition(" ")
        name, dot, attribute = target.rpartition(".")
        expression = expression.strip().removeprefix("=").strip()
        if not dot or attribute != "grad" or not expression:
            raise InputError("set NODE.grad EXPRESSION, for example: set h.grad 1.0")
        node = self._node(name)
        value = self.session.scope.value(expression)
        g = value.data if type(value) is type(node) else number(value, "a gradient")
        self.session.set_gradient(node, g)
        self._show_place()

    def _node(self, name: str) -> Any:
        """The node of a name; the one that is looked at where there is none."""
        return self.session.find(name) if name else self.session.focus

    # ── Completing ──────────────────────────────────────────────────────────────────────────────────────────

    def _op_names(self) -> list[str]:
        return sorted({op.name for op in self.session.ops()})

    def _node_names(self, text: str, *rest: Any) -> list[str]:
        return sorted(name for name in self.session.names() if name.startswith(text))

    def complete_break(self, text: str, line: str, begin: int, end: int) -> list[str]:
        """Names of nodes, of ops after ``op:``, and the other words that break knows."""
        before = line[:begin].split(" ")[-1]
        if before.endswith("op:"):
            return [op for op in self._op_names() if op.startswith(text)]
        return self._node_names(text) + [word for word in ("op:", "mod:", "nan", "inf", "if") if word.startswith(text)]

    def complete_catch(self, text: str, *rest: Any) -> list[str]:
        """What can be caught."""
        return [kind for kind in NUMBERS if kind.startswith(text)]

    def complete_set(self, text: str, *rest: Any) -> list[str]:
        """Gradients of nodes."""
        return [f"{name}.grad" for name in self._node_names(text)]

    def completedefault(self, text: str, *rest: Any) -> list[str]:
        """Names of nodes."""
        return self._node_names(text)

    def completenames(self, text: str, *rest: Any) -> list[str]:
        """Commands, whole words only."""
        return [name for name in super().completenames(text, *rest) if len(name) > 1 and name != "EOF"]

    def do_help(self, argument: str) -> None:
        """h(elp) [COMMAND]
        What a command does; without argument, which commands there are.
        """
        if argument:
            method = getattr(self, f"do_{argument}", None)
            if method is None:
                raise InputError(f"there is no command {argument!r}; help lists them")
            self.say("\n".join(line.strip() for line in (method.__doc__ or "").strip().splitlines()))
            return
        for heading, commands in _HELP.items():
            self.say(f"{heading:<10} {commands}")
        self.say("\nEverything else is Python, as `h.grad * 2`; ! before it where it looks like a command.")

    do_s, do_n, do_c, do_cont, do_r, do_q = do_step, do_next, do_continue, do_continue, do_return, do_quit
    do_rs, do_rn, do_rc, do_unt = do_back, do_rnext, do_rcontinue, do_until
    do_b, do_tb, do_cl, do_h, do_i = do_break, do_tbreak, do_clear, do_help, do_info
    do_w, do_bt, do_u, do_d, do_l, do_a = do_where, do_where, do_up, do_down, do_list, do_args
    complete_b = complete_tb = complete_tbreak = complete_break


_HELP: Final = {
    "motion": "step next back rnext continue rcontinue return until goto restart quit",
    "stops": "break tbreak watch unwatch catch clear enable disable condition ignore",
    "looking": "where up down list args p pp display undisplay info tree why graph player",
    "changing": "set",
}


def _may_colour(stream: Any) -> bool:
    on_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(on_terminal) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _count(argument: str, default: int = 1) -> int:
    if not argument:
        return default
    count = _number(argument)
    if not count:
        raise InputError("a count is 1 or more")
    return count


def _no(argument: str) -> None:
    if argument:
        raise InputError(f"this command takes no {argument!r}; where Python is meant, write ! before it")


def _number(word: str) -> int:
    if not word.isdecimal():
        raise InputError(f"a number is wanted, not {word!r}")
    return int(word)


def _conditional(argument: str) -> tuple[str, str]:
    """What stands before ``if``, and the condition after it."""
    if argument.startswith("if "):
        return "", argument[3:].strip()
    spec, _, condition = argument.partition(" if ")
    return spec.strip(), condition.strip()


def startup_commands() -> list[str]:
    """The lines of the startup files, at home first, then in the current folder."""
    found: dict[Path, None] = {}
    for folder in (Path.home(), Path.cwd()):
        found[(folder / STARTUP).resolve()] = None
    lines = []
    for path in found:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            lines += path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
