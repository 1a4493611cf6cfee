"""Quota windows of providers' plans that are used up, in Redis: what one process learns, all know.

A window belongs to one credential of one provider, named by a fingerprint: the secret itself never gets here. Times
are durations on Redis' clock, so the clocks of the processes need not agree.
"""

from dataclasses import dataclass

from freetheai.limits.scripts import ScriptRunner, load_windows_script


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedWindow:
    """A used-up window: ``row`` is the type of its error row, ``left_s`` the seconds until it is full again, 0 when it
    has turned out to be so already.
    """

    provider: str
    credential: str
    row: str
    left_s: float


class UsedWindows:
    """All of them on one Redis."""

    def __init__(self, runner: ScriptRunner, prefix: str, *, clock_lua: str = "") -> None:
        self._runner = runner
        self._key = f"{prefix}:windows".encode()
        self._script = load_windows_script(clock=clock_lua)

    async def note(self, window: UsedWindow) -> None:
        """Keep that ``window`` is used up, for ``left_s`` from now; with 0, that it is not. Raises ``RedisFailure``."""
        name = "\n".join((window.row, window.provider, window.credential))
        await self._runner.run(self._script, (self._key,), (name, round(window.left_s * 1_000_000)))

    async def read(self) -> list[UsedWindow]:
        """Those that are used up now. Raises ``RedisFailure``."""
        reply = await self._runner.run(self._script, (self._key,), ("", 0))
        windows = []
        for name, left_us in zip(reply[::2], reply[1::2], strict=True):
            row, provider, credential = name.decode().split("\n")
            windows.append(
                UsedWindow(provider=provider, credential=credential, row=row, left_s=int(left_us) / 1_000_000)
            )
        return windows
