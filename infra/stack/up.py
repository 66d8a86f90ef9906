"""`doublet up`: from nothing to a doubled picture, and back to nothing on Ctrl-C."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from infra.database.engine import Database
from infra.database.migrate import upgrade
from infra.errors import DoubletError
from infra.eventlog.clients import open_admin
from infra.eventlog.topics import ensure_topics
from infra.parts import FOLDER_WATCH, Heartbeat
from infra.settings import Settings
from infra.stack import parts
from infra.stack.parts import Part
from infra.stack.process import Process

_TEND_SECONDS = 0.1
"""How soon a death is noticed."""
_ASK_SECONDS = 0.5
"""How often a server that died is asked whether it answers again."""
_STOP_SECONDS = 7.5
"""For consumer, scheduler and dashboard, all at once; what they leave of 10 s is for the rest."""
_STOP_SERVERS_SECONDS = 2.0


class Stopped(Exception):
    """Somebody asked the stack to stop while it was starting."""


class Stack:
    """The parts as one."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._stop = threading.Event()
        self._servers: list[Process] = []
        """Broker and model server: stopped last, because the others use them."""
        self._workers: list[Process] = []
        self._ready: dict[str, Callable[[], bool]] = {}
        self._database = Database(settings.database)
        self._began = time.monotonic()

    def run(self, first_picture: bool) -> None:
        """Start all parts, double a first picture, and watch until asked to stop.

        Raises:
            DoubletError: a part cannot be started; all others are stopped again.
        """
        signal.signal(signal.SIGINT, self._ask_to_stop)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGHUP, self._ask_to_stop)  # the terminal was closed
        with _only_one(self._settings.doublet_home):
            try:
                self._start()
                if first_picture:
                    self._first_picture()
                self._welcome()
                while not self._stop.wait(_TEND_SECONDS):
                    self._tend()
            except Stopped:
                pass
            finally:
                self._stop_all()

    def _start(self) -> None:
        servers = [parts.broker(self._settings), parts.model_server(self._settings)]
        workers = parts.workers(self._settings, self._database)
        all_parts = [part for part in [*servers, *workers] if part]
        for part in all_parts:
            _require_free_ports(part)
        broker, model_server = servers
        if broker:
            self._launch(broker, self._servers)
        if model_server:
            # It takes the longest: it loads while the others start.
            self._launch(model_server, self._servers)
        if broker:
            self._await(broker)
        self._prepare()
        for part in workers:
            self._launch(part, self._workers)
        for part in all_parts:
            if part is not broker:
                self._await(part)

    def _prepare(self) -> None:
        with open_admin(self._settings) as admin:
            created = ensure_topics(admin, self._settings)
        revision = upgrade(self._database)
        if not self._settings.watch_folder:
            Heartbeat(self._database, FOLDER_WATCH).forget()  # that of an earlier start
        said = f"{len(created)} topics created" if created else "topics are there"
        self._say("topics and database", f"{said}, schema {revision}")

    def _launch(self, part: Part, group: list[Process]) -> None:
        log_file = self._log_file(part.name)
        if log_file.exists():
            log_file.replace(log_file.with_suffix(".last.log"))
        process = Process(part.name, part.command, log_file, part.environment)
        process.start()
        group.append(process)
        self._ready[part.name] = part.ready

    def _await(self, part: Part) -> None:
        deadline = time.monotonic() + part.ready_within_s
        with self._console.status(f"{part.name} is starting"):
            while not part.ready():
                if self._stop.wait(_TEND_SECONDS):
                    raise Stopped
                self._require_all_alive()
                if time.monotonic() > deadline:
                    raise DoubletError(
                        f"the {part.name} is not ready after {part.ready_within_s:.0f} s; "
                        f"see {self._log_file(part.name)}"
                    )
        self._say(part.name, "ready")

    def _require_all_alive(self) -> None:
        for process in self._processes():
            if process.exit_code is not None:
                raise DoubletError(
                    f"the {process.name} does not start: {process.last_line()} "
                    f"(its log is {self._log_file(process.name)})"
                )

    def _first_picture(self) -> None:
        # A process, because the stack imports none of the rooms that it starts.
        command = subprocess.Popen(
            [sys.executable, "-m", "doublet", "first-picture"], start_new_session=True
        )
        while command.poll() is None:
            self._tend()
            if self._stop.wait(_TEND_SECONDS):
                command.terminate()
                command.wait()
                raise Stopped

    def _welcome(self) -> None:
        address = f"http://127.0.0.1:{self._settings.dashboard_port}"
        doublet = _how_to_call_us()
        self._console.print(
            f"\n[bold]Doublet is up.[/bold]  Look at [link={address}]{address}[/link]\n"
            f"  hand in a picture:    {doublet} submit picture.jpg\n"
            f"  everything in order?  {doublet} status\n"
            f"  logs are in           {self._settings.doublet_home / 'log'}\n"
            f"  stop it all           Ctrl-C\n"
        )

    def _tend(self) -> None:
        for process in self._processes():
            death = process.tend()
            if death:
                self._console.print(f"[yellow]the {process.name} {death}[/yellow]")
                Heartbeat(self._database, process.name).died(str(death))
                if process in self._servers:
                    threading.Thread(
                        target=self._await_return, args=(process,), daemon=True
                    ).start()

    def _await_return(self, process: Process) -> None:
        """Broker and model server have no heartbeat of their own to say that they are back."""
        while not self._stop.wait(_ASK_SECONDS):
            if process.pid and self._ready[process.name]():
                Heartbeat(self._database, process.name).back(process.pid)
                return

    def _stop_all(self) -> None:
        if not self._processes():
            return
        with self._console.status("stopping"):
            self._stop_group(self._workers, _STOP_SECONDS)
            self._stop_group(self._servers, _STOP_SERVERS_SECONDS)
            self._note_stopped()
        self._database.close()
        self._console.print("all parts are stopped; everything is kept for the next start")

    def _stop_group(self, group: list[Process], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in group:
            process.ask_to_stop()
        for process in group:
            if not process.wait_stopped(deadline):
                self._console.print(f"[yellow]the {process.name} had to be killed[/yellow]")

    def _note_stopped(self) -> None:
        for process in self._workers:
            Heartbeat(self._database, process.name).stopped()

    def _processes(self) -> list[Process]:
        return [*self._servers, *self._workers]

    def _log_file(self, name: str) -> Path:
        return self._settings.doublet_home / "log" / f"{name.replace(' ', '-')}.log"

    def _say(self, what: str, how: str) -> None:
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {what}: {how}")

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop.set()


def _how_to_call_us() -> str:
    """The console script as this person's shell would find it."""
    script = Path(sys.executable).parent / "doublet"
    on_path = shutil.which("doublet")
    if on_path and Path(on_path).samefile(script):
        return "doublet"
    return os.path.relpath(script)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the folder, or say who does."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "stack.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise DoubletError(
                f"Doublet is up already in {home} (process {lock.read().strip()}); "
                "stop it with Ctrl-C there, or choose another DOUBLET_HOME"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _require_free_ports(part: Part) -> None:
    for port in part.ports:
        with socket.socket() as probe:
            # As servers do: a port that was left a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port.number))
            except OSError:
                raise DoubletError(
                    f"port {port.number}, which the {part.name} needs, is in use: "
                    f"stop what uses it, or set {port.setting} to another one"
                ) from None
