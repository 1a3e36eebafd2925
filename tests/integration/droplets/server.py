"""A machine with a real SSH server, on loopback: commands run here by a real shell, on files of a folder."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from pathlib import Path

import asyncssh

from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


class SshServer:
    """Serves until ``stop``. Paths of the machine lie below ``root``; a restarted sshd reads its key again."""

    def __init__(self, root: Path, login: KeyPair, host: KeyPair) -> None:
        self.root, self.login = root, login
        self.commands: list[str] = []
        self.key = root / HOST_KEY.lstrip("/")
        self.key.parent.mkdir(parents=True)
        self.key.write_text(host.private.reveal())
        (root / "authorized").write_text(login.public + "\n")
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._on_loop(self._listen())

    def machine(self, *host_keys: str, login: KeyPair | None = None, first_contact: bool = True) -> Machine:
        return Machine("web", "127.0.0.1", login or self.login, host_keys, first_contact, self.port, "root")

    def stop(self) -> None:
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _on_loop(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=20)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[str(self.key)],
            authorized_client_keys=str(self.root / "authorized"),
            process_factory=self._run,
        )
        self.port = self._server.get_port()

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _run(self, process: asyncssh.SSHServerProcess) -> None:  # type: ignore[type-arg]
        command = process.command or ""
        self.commands.append(command)
        given = await process.stdin.read()
        restart = "systemctl try-restart ssh.service" in command
        here = command.replace("systemctl try-restart ssh.service", "true")
        for folder in ("/var/lib/dogitops", "/run/dogitops", "/etc/ssh", "/var/log"):
            here = here.replace(folder, f"{self.root}{folder}")
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", here], input=given, capture_output=True, text=True, check=False
        )
        process.stdout.write(done.stdout)
        process.stderr.write(done.stderr)
        process.exit(done.returncode)
        if restart:
            await self._close()
            await self._listen()
