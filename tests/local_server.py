"""A server on this machine that answers as it is told, faults included."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """An answer, and how it goes wrong.

    Attributes:
        body: all of it.
        status: of HTTP.
        headers: more of them.
        sent: bytes that are sent before the line breaks; all where None.
        drip: seconds between two bytes.

    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    drip: float = 0.0


@dataclass
class LocalServer:
    """Answers each request by `answer`, and keeps what was asked."""

    url: str
    answer: Callable[[str], Answer]
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def answers(self, *answers: Answer) -> None:
        """Give these one after another, and the last for ever."""
        coming = list(answers)
        self.answer = lambda _: coming.pop(0) if len(coming) > 1 else coming[0]


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """A server that runs meanwhile."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.asked.append(self.path)
            told.headers.append(dict(self.headers))
            answer = told.answer(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            body = answer.body[: answer.sent]
            self.close_connection = answer.sent is not None
            if not answer.drip:
                self.wfile.write(body)
                return
            for byte in body:
                if stopped.is_set():
                    break
                self.wfile.write(bytes([byte]))
                time.sleep(answer.drip)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # whoever asked may have gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told = LocalServer(f"http://127.0.0.1:{server.server_port}", lambda _: Answer(status=404))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
