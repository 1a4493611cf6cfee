"""The embedded services together: started at once, stopped in order, found by other commands.

Strategy: the owner of the data folder's lock ends what a killed run has left, starts what is wanted side by side on
free loopback ports, and writes down where it answers. A command that finds a living owner uses the owner's services;
one that finds none becomes the owner for a moment.

Rules:
- what has been started is stopped again if anything else fails to start;
- ports come from below the range that the system uses for outgoing connections, so that a port is still free when its
  service is started again;
- the model stops first (it may be busy and has nothing to save), then Redis and MongoDB together.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from freetheai import clock
from freetheai.embedded.child import Child, ChildError, ChildSpec, Timing
from freetheai.embedded.lock import DataLock, find_owner
from freetheai.embedded.plans import Plan, addresses_at, plan_services
from freetheai.embedded.processes import ProcessMark, end_process, mark_process
from freetheai.embedded.state import RunState, find_state, remove_state, write_state
from freetheai.embedded.values import Addresses, EmbeddedError, Wanted
from freetheai.tasks import TaskGroup

_PORTS: Final = range(20_000, 32_000)
_PORT_TRIES: Final = 3
_STILL_STARTING_S: Final = 5.0
_OTHERS_START_TRIES: Final = 600  # of 0.1 s each: how long a command waits for a server that is still starting
Report = Callable[[str], None]


class EmbeddedServices:
    """The services that this process runs in ``data_dir``; ``report`` is given a line whenever one gets on.

    ``is_brief``: for one command only, so nobody else is told where they answer. Start it in the thread that lives as
    long as the process: the services end with that thread.
    """

    def __init__(
        self,
        data_dir: Path,
        wanted: Wanted,
        report: Report,
        *,
        is_brief: bool = False,
        timing: Timing | None = None,
    ) -> None:
        self._data_dir = _absolute(data_dir)
        self._wanted = wanted
        self._report = report
        self._is_brief = is_brief
        self._timing = timing or Timing()
        self._lock = DataLock(self._data_dir)
        self._children: dict[str, Child] = {}
        self._marks: dict[str, ProcessMark] = {}
        self._addresses = Addresses()

    async def start(self) -> Addresses:
        """Start everything wanted and return where it answers; touches nothing if nothing is wanted.

        Raises:
            EmbeddedError: the folder is in use, or a part is missing or does not start; then nothing runs.
        """
        if self._wanted.is_nothing:
            return self._addresses
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._lock.take(is_brief=self._is_brief)
            await self._end_left_over()
            await self._start_all(plan_services(self._data_dir, self._wanted))
        except OSError as error:
            await self.stop()
            raise EmbeddedError(f"cannot use the data folder {self._data_dir}: {error}") from error
        except BaseException:
            await self.stop()
            raise
        return self._addresses

    async def stop(self) -> None:
        """Stop what runs and give the data folder back; does nothing a second time."""
        children, self._children = self._children, {}
        try:
            if (model := children.pop("model", None)) is not None:
                await model.stop()
            await asyncio.gather(*(child.stop() for child in children.values()))
        finally:
            if self._lock.is_taken:
                remove_state(self._data_dir)
                self._lock.release()

    def status(self) -> dict[str, str]:
        """``up``, ``restarting`` or ``down`` for each service that was started: ``mongodb``, ``redis``, ``model``."""
        return {name: child.state for name, child in self._children.items()}

    async def _end_left_over(self) -> None:
        state = find_state(self._data_dir)
        for name, mark in (state.children if state else {}).items():
            if not await end_process(mark):
                raise EmbeddedError(
                    f"process {mark.pid} ({name} of a run that was killed) does not end: kill -9 {mark.pid}"
                )
        remove_state(self._data_dir)

    async def _start_all(self, plans: list[Plan]) -> None:
        (self._data_dir / "log").mkdir(mode=0o700, exist_ok=True)
        ports = _free_ports(len(plans))
        try:
            async with asyncio.TaskGroup() as group:
                for plan, port in zip(plans, ports, strict=True):
                    group.create_task(self._start_one(plan, port))
        except BaseExceptionGroup as failures:
            expected, unexpected = failures.split(EmbeddedError)
            if expected is None or unexpected is not None:
                raise
            raise EmbeddedError("; ".join(str(failure) for failure in expected.exceptions)) from None
        self._addresses = addresses_at({name: child.spec.port for name, child in self._children.items()})
        self._write_state()

    async def _start_one(self, plan: Plan, port: int) -> None:
        began_s = clock.monotonic_s()
        self._report(f"starting {plan.label}")
        telling = TaskGroup()
        telling.start(self._tell_waiting(plan), f"tell that {plan.name} is starting")
        try:
            child = await self._first_that_starts(plan, port)
        finally:
            await telling.close()
        took_s = clock.monotonic_s() - began_s
        self._report(f"{plan.label} is ready on 127.0.0.1:{child.spec.port} after {took_s:.1f} s")

    async def _tell_waiting(self, plan: Plan) -> None:
        began_s = clock.monotonic_s()
        while True:
            await asyncio.sleep(_STILL_STARTING_S)
            self._report(f"{plan.label} is still starting ({clock.monotonic_s() - began_s:.0f} s)")

    async def _first_that_starts(self, plan: Plan, port: int) -> Child:
        """The first program that comes up; on another port if ours has been taken meanwhile."""
        reasons: list[str] = []
        for choice in range(len(plan.argvs(port))):
            for _ in range(_PORT_TRIES):
                child = self._make_child(plan, plan.argvs(port)[choice], port)
                try:
                    await child.start()
                except (ChildError, OSError) as error:
                    reasons.append(f"{child.spec.argv[0]} {error}")
                    if _is_free(port):
                        break
                    port = _free_ports(1)[0]
                else:
                    return child
        log_file = self._data_dir / "log" / f"{plan.name}.log"
        raise EmbeddedError(f"{plan.label} does not start ({'; '.join(reasons)}; see {log_file}): {plan.remedy}")

    def _make_child(self, plan: Plan, argv: tuple[str, ...], port: int) -> Child:
        spec = ChildSpec(
            name=plan.name,
            argv=argv,
            port=port,
            is_ready=plan.is_ready,
            log_file=self._data_dir / "log" / f"{plan.name}.log",
            ready_s=plan.ready_s,
            stop_s=plan.stop_s,
        )

        def remember(pid: int) -> None:
            if (mark := mark_process(pid, plan.word)) is not None:
                self._marks[plan.name] = mark
                self._write_state()

        child = Child(spec, remember, self._timing)
        self._children[plan.name] = child
        return child

    def _write_state(self) -> None:
        shown = Addresses() if self._is_brief else self._addresses
        write_state(self._data_dir, RunState(os.getpid(), shown, self._marks))


def find_running(data_dir: Path) -> Addresses | None:
    """Where the services of a living owner of ``data_dir`` answer; None if there is none, or it is still starting."""
    data_dir = _absolute(data_dir)
    owner, state = find_owner(data_dir), find_state(data_dir)
    if owner is None or state is None or state.owner_pid != owner.pid or state.addresses == Addresses():
        return None
    return state.addresses


@asynccontextmanager
async def open_services(data_dir: Path, wanted: Wanted, report: Report) -> AsyncIterator[Addresses]:
    """The services of the server that runs in ``data_dir``, else our own until the end of the block.

    Raises:
        EmbeddedError: as ``EmbeddedServices.start``, or the server runs without something that is wanted.
    """
    data_dir = _absolute(data_dir)
    running = None if wanted.is_nothing else await _wait_for_running(data_dir, wanted)
    if running is not None:
        yield running
        return
    services = EmbeddedServices(data_dir, wanted, report, is_brief=True)
    try:
        yield await services.start()
    finally:
        await services.stop()


async def _wait_for_running(data_dir: Path, wanted: Wanted) -> Addresses | None:
    """The addresses of a lasting owner, once it is up; None where there is no such owner."""
    for _ in range(_OTHERS_START_TRIES):
        if (running := find_running(data_dir)) is not None:
            if running.has(wanted):
                return running
            raise EmbeddedError(f"the server in {data_dir} runs without an embedded service that is wanted: restart it")
        owner = find_owner(data_dir)
        if owner is None or owner.is_brief:
            return None
        await asyncio.sleep(0.1)
    raise EmbeddedError(f"the server in {data_dir} is not up after a minute: see {data_dir / 'log'}")


def _absolute(folder: Path) -> Path:
    # Children get it in their arguments, and another working directory must not mean another folder.
    return folder.expanduser().resolve()


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        if len(ports) == count:
            break
        if _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        # As the services themselves do: a closed connection that still lingers does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False
