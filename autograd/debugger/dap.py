"""``python -m autograd dap``: the gradient debugger for editors, with nothing but the standard library.

It talks the Debug Adapter Protocol over standard input and output, or with ``--port N`` over a socket that listens on
this machine alone, to one client.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from .adapter import PATIENCE, Adapter, Launch
from .output import Taken
from .programs import Quit
from .wire import MalformedMessageError, Wire

HELP: Final = "serve an editor that debugs gradients"

_LOOPBACK: Final = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--port", type=int, help="listen there, on this machine alone, instead of standard input and output; 0 for any"
    )
    parser.add_argument("script", nargs="?", help="a program for an editor to attach to; with --port")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="argument", help="its arguments")


def run(options: argparse.Namespace) -> None:
    """Serve one client; the exit status is the program's."""
    if options.port is None:
        if options.script:
            sys.exit("a script to attach to needs --port N; over standard input and output, the editor names it")
        taken = Taken()
        adapter = Adapter(Wire(taken.incoming, taken.outgoing))
        taken.tell(adapter.printed)
        _serve(adapter, taken.release)
    if not 0 <= options.port < 65_536:
        sys.exit("--port takes a number from 0 to 65535")
    script = Launch(options.script, [*options.rest, *options.arguments]) if options.script else None
    if script is not None and not os.path.isfile(script.program):
        sys.exit(f"there is no file {script.program}")
    adapter, first = _accepted(options.port, script)
    adapter.take(first)
    _serve(adapter, lambda: None)


def _serve(adapter: Adapter, release: Callable[[], object]) -> None:
    threading.Thread(target=adapter.listen, daemon=True).start()
    try:
        status = adapter.run()
    except Quit:
        status = 0
    release()
    adapter.end(status)
    sys.exit(status)


def _accepted(port: int, script: Launch | None) -> tuple[Adapter, dict[str, Any]]:
    """The first client whose first message is a request to initialize. Nobody else gets an answer, or in."""
    with socket.create_server((_LOOPBACK, port)) as listener:
        print(f"waiting for an editor at {_LOOPBACK}:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
        while True:
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE)
            wire = Wire(connection.makefile("rb"), connection.makefile("wb"))
            try:
                message = wire.receive()
            except MalformedMessageError as error:
                message = None
                Adapter(wire).respond({}, None, str(error))
            if message is not None and (message.get("type"), message.get("command")) == ("request", "initialize"):
                connection.settimeout(None)
                return Adapter(wire, script), message
            if message is not None:
                Adapter(wire).respond(message, None, "the first request has to be initialize")
            with contextlib.suppress(OSError):  # it has left already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
