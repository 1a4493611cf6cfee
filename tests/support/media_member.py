"""One member of a running program who asks for media."""

from dataclasses import dataclass

from fakes.upstream import Gate, ScriptedUpstream
from support.members import Members
from support.program import Program
from support.waiting import patient


@dataclass
class Member:
    """One member of a running program."""

    program: Program
    members: Members
    user_id: str
    key: str

    @property
    def base_url(self) -> str:
        return self.program.base_url

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def successes(self) -> int:
        """What counts against the day, once no lease is left."""
        wait_until(lambda: self.members.counters(self.user_id)[1] == 0)
        return self.members.counters(self.user_id)[2]


wait_until = patient(10.0)


def open_gate(upstream: ScriptedUpstream, gate: Gate) -> None:
    """Let a scripted provider that serves from another thread go on."""
    upstream._server.get_loop().call_soon_threadsafe(gate.open)
