"""Messages of the Debug Adapter Protocol: JSON with a Content-Length before it, over a pair of streams.

https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
"""

from __future__ import annotations

import json
import threading
from typing import Any, BinaryIO, Final

LONGEST_LINE: Final = 1_024  # bytes of a header
LARGEST_BODY: Final = 4 * 2**20  # bytes
_KNOWN: Final = (b"content-length", b"content-type")


class MalformedMessageError(Exception):
    """What came is no message.

    Attributes:
        lost: whether it is unknown where the next one begins, so that nothing more can be read.
    """

    def __init__(self, text: str, lost: bool = False) -> None:
        super().__init__(text)
        self.lost = lost


class Wire:
    r"""Both directions of a connection. Any thread may send.

    >>> import io
    >>> out = io.BytesIO()
    >>> Wire(io.BytesIO(), out).send({"type": "event", "event": "initialized"})
    >>> out.getvalue()
    b'Content-Length: 51\r\n\r\n{"type": "event", "event": "initialized", "seq": 1}'
    >>> Wire(io.BytesIO(out.getvalue()), out).receive()
    {'type': 'event', 'event': 'initialized', 'seq': 1}
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._sent = 0
        self._sending = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; where nobody listens any more it is dropped."""
        with self._sending:
            self._sent += 1
            body = json.dumps({**message, "seq": self._sent}, allow_nan=False).encode()
            try:
                self._outgoing.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                self._outgoing.flush()
            except (OSError, ValueError):  # ValueError: the stream is closed
                pass

    def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end of the stream.

        Raises:
            MalformedMessageError: where something else came. The connection goes on unless it is lost: a header that
                is none ends it, so that a page in a browser can't smuggle requests in by HTTP.
        """
        length = self._header()
        if length is None:
            return None
        body = self._exactly(length)
        if body is None:
            return None
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedMessageError(f"the body is no JSON: {error}") from None
        if not isinstance(message, dict):
            raise MalformedMessageError(f"a message is an object, not {type(message).__name__}")
        return message

    def _header(self) -> int | None:
        """The length of the body that follows; None at the end of the stream."""
        length = None
        while True:
            line = self._line()
            if line is None:
                return None
            if not line:
                if length is None:
                    raise MalformedMessageError("a header without Content-Length", lost=True)
                return length
            name, colon, value = line.partition(b":")
            if not colon or name.strip().lower() not in _KNOWN:
                raise MalformedMessageError(f"no header of this protocol: {line[:60]!r}", lost=True)
            if name.strip().lower() == b"content-length":
                value = value.strip()
                if not value.isdigit() or len(value) > 12:
                    raise MalformedMessageError(f"Content-Length is a number, not {value[:60]!r}", lost=True)
                length = int(value)
                if length > LARGEST_BODY:
                    raise MalformedMessageError(f"a body of {length} bytes is too large", lost=True)

    def _line(self) -> bytes | None:
        try:
            line = self._incoming.readline(LONGEST_LINE)
        except (OSError, ValueError):
            return None
        if not line:
            return None
        if not line.endswith(b"\n"):
            if len(line) < LONGEST_LINE:
                return None  # the stream ended within it
            raise MalformedMessageError("a header line that is too long", lost=True)
        return line.rstrip(b"\r\n")

    def _exactly(self, length: int) -> bytes | None:
        try:
            body = self._incoming.read(length)
        except (OSError, ValueError):
            return None
        return body if len(body) == length else None
