"""A real Chromium without a window, driven by its own protocol over two pipes: it listens on no port."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
_PATIENCE = 60  # seconds for an answer


def find() -> str | None:
    """Return the path of a browser on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """One page of a browser; ``events`` is all that it has told, as the protocol names it."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._rest = b""
        self._sent = 0
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._sent:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])
            self.events.append(told)

    def open(self, address: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Show an address in a window of this size (a phone's below 600 pixels), light or dark, and wait for it."""
        self.events.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=address)
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self._next())

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript comes to; the page's own policy does not hold for it."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, file: Path, *, height: int | None = None, top: str = "0") -> None:
        """Write the whole page as a PNG, or ``height`` pixels of it, from where the expression ``top`` says."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        begin = self.run(top)
        clip = {"x": 0, "y": begin, "width": size["width"], "height": height or size["height"] - begin, "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reads], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser has not answered in time"
            read = os.read(self._reads, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        raw, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(raw))


@contextmanager
def browsing(program: str, folder: Path) -> Iterator[Browser]:
    """Start a browser that keeps all that it writes in ``folder``, and end it."""
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    options = [
        "--headless",
        "--hide-scrollbars",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        *root,
    ]
    # The browser reads commands from its descriptor 3 and answers on 4; ours must not be one of the two.
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
    with (folder / "browser.log").open("wb") as log:
        started = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}', "bash"),
                *(program, *options, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"),
            ],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "HOME": str(folder)},
        )
    for end in (to_browser, from_browser, *theirs):
        os.close(end)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        started.terminate()
        started.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):  # those that it started end after it
            os.killpg(started.pid, signal.SIGKILL)
