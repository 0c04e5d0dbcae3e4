"""A client of the Debug Adapter Protocol, which editors speak: over a process's streams, or a socket."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

PATIENCE = 60.0  # seconds; whatever the other side does, a test ends


class Client:
    """Sends requests and waits for their answers, or for events."""

    def __init__(self, outgoing: BinaryIO, incoming: BinaryIO, end: Callable[[], object]) -> None:
        self.outgoing, self.incoming, self.end = outgoing, incoming, end
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0
        self.waiting: list[dict[str, Any]] = []
        self.output: dict[str, str] = {}
        self.watchdog = threading.Timer(PATIENCE, end)
        self.watchdog.start()

    @classmethod
    def of_process(cls, command: list[str], **options: Any) -> Client:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        assert process.stdin
        assert process.stdout
        client = cls(process.stdin, process.stdout, process.kill)
        client.process = process
        return client

    @classmethod
    def of_port(cls, port: int) -> Client:
        connection = socket.create_connection(("127.0.0.1", port))

        def end() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        client = cls(connection.makefile("wb"), connection.makefile("rb"), end)
        connection.close()  # the files hold it
        return client

    def send(self, body: bytes, header: bytes | None = None) -> None:
        self.outgoing.write((b"Content-Length: %d\r\n\r\n" % len(body) if header is None else header) + body)
        self.outgoing.flush()

    def post(self, command: Any, **arguments: Any) -> int:
        self.number += 1
        message = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        self.send(json.dumps(message).encode())
        return self.number

    def read(self) -> dict[str, Any]:
        length = 0
        while True:
            header = self.incoming.readline()
            if not header:
                raise EOFError("the other side has closed the connection")
            if not header.strip():
                break
            name, _, value = header.partition(b":")
            assert name == b"Content-Length", header
            length = int(value)
        message: dict[str, Any] = json.loads(self.incoming.read(length))
        if message["type"] == "event" and message["event"] == "output":
            category, text = message["body"]["category"], message["body"]["output"]
            self.output[category] = self.output.get(category, "") + text
        return message

    def answer(self, number: int) -> dict[str, Any]:
        while True:
            message = self.read()
            if message["type"] == "response" and message["request_seq"] == number:
                return message
            self.waiting.append(message)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        answer = self.answer(self.post(command, **arguments))
        assert answer["success"], answer
        return answer.get("body", {})  # type: ignore[no-any-return]

    def refused(self, command: Any, **arguments: Any) -> str:
        answer = self.answer(self.post(command, **arguments))
        assert not answer["success"], answer
        assert answer["body"]["error"]["format"] == answer["message"]
        return answer["message"]  # type: ignore[no-any-return]

    def until(self, *events: str) -> dict[str, Any]:
        while True:
            message = self.waiting.pop(0) if self.waiting else self.read()
            if message["type"] == "event" and message["event"] in events:
                return message

    def close(self) -> None:
        self.watchdog.cancel()
        self.end()
        for stream in (self.outgoing, self.incoming):
            with contextlib.suppress(OSError):
                stream.close()
        if self.process is not None:
            self.process.wait(PATIENCE)
