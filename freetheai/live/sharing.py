"""The live truth: counted in this process as requests end, shared with all others through Redis twice a second.

Strategy: counting touches a few dicts and nothing else. A background loop writes what has changed (this process' own
counts of a minute, whole) and, while anybody asks, reads what the others wrote: the two newest minutes each time, each
older one until it has settled and then now and then, since a process that was cut off writes late. Putting all of it
together happens at most once a second, and only when asked.

Rules:
- a request never waits for Redis; who asks for the truth waits ``PATIENCE_S`` at most, and only when nobody has asked
  lately;
- while Redis is away, what is known goes on to be shown as it grows old, with what this process counts itself; what
  was not written stays to be written, minute by minute, for the hour it matters;
- minutes are those of Redis' clock: processes on machines whose clocks differ count into the same ones.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from freetheai import clock
from freetheai.limits import RedisFailure
from freetheai.limits.live import GONE_AFTER_S, LiveBoard, Said
from freetheai.live.figures import HOUR_MINUTES, Counts, Totals, add_minutes, last_times, read_counts
from freetheai.live.members import WINDOW_S, SeenMembers, by_client
from freetheai.live.outages import Outages, OwnOutages, read_outages
from freetheai.live.truth import Truth
from freetheai.log import RequestRecord
from freetheai.providers import Provider

_logger = logging.getLogger(__name__)

EVERY_S: Final = 0.5
# Seconds: how often a process says what is out of service in it though nothing has changed; how long after a question
# the others are read on; how old an answer may be; how long one waits for a newer.
_SAY_EVERY_S: Final = GONE_AFTER_S / 3
_ASKED_FOR_S: Final = 10.0
_FRESH_S: Final = 1.5
PATIENCE_S: Final = 0.3
_LAST_EVERY_S: Final = 60.0
_TELL_LAST_EVERY_S: Final = 15.0
# What others have said is out of service there holds so long (seconds) while Redis is away.
_HELD_S: Final = 300.0


class Live:
    """This process' part in the truth, and what it knows of the whole. ``providers``: asked for what is out of service;
    none for one that only listens (a command).
    """

    def __init__(self, board: LiveBoard, providers: Iterable[Provider] | None) -> None:
        self._board = board
        self._providers = providers
        self._process = secrets.token_hex(8)
        # Redis' clock minus ours, seconds.
        self._offset_s = 0.0
        self._own: dict[int, Counts] = {}
        self._unwritten: set[int] = set()
        self._untold_last: dict[str, int] = {}
        self._last_told_s = float("-inf")
        self._members = SeenMembers()
        self._own_outages = OwnOutages()
        self._said = b""
        self._said_s = float("-inf")
        self._others: dict[int, Counts] = {}
        # minute -> the minute in which it was last read
        self._read_in: dict[int, int] = {}
        self._heard: list[Said] = []
        self._heard_s = float("-inf")
        self._last: Mapping[str, int] = {}
        self._last_read_s = float("-inf")
        self._clients: Mapping[str, int] = {}
        self._asked_s = float("-inf")
        # When the others were last read, or were to be.
        self._tried_s = float("-inf")
        self._is_away = False
        self._turn = asyncio.Lock()
        # Grows when others' figures are read anew; the second when any but the newest turned out to be different.
        self._version = 0
        self._old_version = 0
        self._settled: tuple[int, int, Totals] = (-1, -1, Totals())
        self._truth: tuple[int, int, Truth] = (-1, -1, Truth())

    # ------------------------------------------------------------------ counting

    def count(self, provider: str, alias: str, is_success: bool) -> None:
        """One request that ``provider`` is to be judged by has ended (``Providers.on_outcome``)."""
        self._minute().count(provider, alias, int(self.now_s()), is_success=is_success)

    def note_request(self, record: RequestRecord) -> None:
        """One request has ended, whatever its route: who called with what, and what it was refused with."""
        if record.type:
            self._minute().refuse(record.type)
        if record.user_id:
            self._members.note(record.client, record.user_id, int(self.now_s()))

    def now_s(self) -> float:
        """Seconds since the epoch on Redis' clock, as far as it is known."""
        return clock.now_s() + self._offset_s

    # ------------------------------------------------------------------ asking

    @property
    def age_s(self) -> float:
        """How long ago (seconds) Redis was last heard; infinite before the first time."""
        return clock.monotonic_s() - self._heard_s

    async def fresh(self) -> Truth:
        """The truth, no more than about a second old; while Redis is away or slow, what is known."""
        self._asked_s = clock.monotonic_s()
        if self._asked_s - self._tried_s > _FRESH_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S), self._turn:
                    if clock.monotonic_s() - self._tried_s > _FRESH_S:
                        await self._try()
        return self.truth()

    def truth(self) -> Truth:
        """The truth as it is known here now, put together at most once a second; newer a moment later."""
        self._asked_s = clock.monotonic_s()
        second = int(self.now_s())
        if self._truth[:2] != (second, self._version):
            self._truth = (second, self._version, self._put_together())
        return self._truth[2]

    async def listen(self) -> Truth:
        """Read everything once, for one who only listens.

        Raises:
            RedisFailure: Redis is away.
        """
        await self._hear()
        await self._read()
        return self.truth()

    # ------------------------------------------------------------------ sharing

    async def run(self) -> None:
        """Write, and read while anybody asks, for ever."""
        while True:
            async with self._turn:
                await self._try()
            await asyncio.sleep(EVERY_S)

    async def close(self) -> None:
        """Write what has not been written, and leave; nothing is lost unless Redis is away."""
        with contextlib.suppress(RedisFailure):
            self._last_told_s = float("-inf")
            await self._write()
            if self._providers is not None:
                await self._board.say(self._process, b"")

    async def _try(self) -> None:
        now_s = clock.monotonic_s()
        is_asked = now_s - self._asked_s < _ASKED_FOR_S
        steps = [self._write()]
        if is_asked or self._has_something_to_say():
            steps.append(self._hear())
        if is_asked:
            # Whether it succeeds or not: who asks while Redis is away waits once, not each time.
            self._tried_s = now_s
            steps.append(self._read())
        # Together: what they ask of Redis leaves in one write.
        done = await asyncio.gather(*steps, return_exceptions=True)
        failure = next((result for result in done if isinstance(result, Exception)), None)
        if failure is not None and not self._is_away:
            # A fault of ours, or of a client library's, must not end the sharing either.
            is_fault = not isinstance(failure, RedisFailure)
            _logger.log(
                logging.ERROR if is_fault else logging.WARNING,
                "other processes' figures are not known",
                extra={"reason": str(failure)},
                exc_info=failure if is_fault else None,
            )
        self._is_away = failure is not None

    async def _write(self) -> None:
        """Write what has changed; what Redis does not take stays to be written."""
        self._forget_old()
        minutes, self._unwritten = self._unwritten, set()
        for number in minutes:
            self._untold_last.update(last_times(self._own[number]))
        last, members = self._take_last(), self._members.take_untold()
        try:
            await asyncio.gather(
                *(self._board.write_minute(number, self._process, self._own[number].written()) for number in minutes),
                self._board.note_last(last),
                self._board.note_members(by_client(members), kept_s=WINDOW_S, now_s=int(self.now_s())),
            )
        except BaseException:
            self._unwritten |= minutes
            self._untold_last = {**last, **self._untold_last}
            self._members.untake(members)
            raise

    async def _hear(self) -> None:
        """Say what is out of service here, and hear what is elsewhere."""
        process, text = ("", b"") if self._providers is None else (self._process, self._look())
        redis_s, heard = await self._board.say(process, text)
        self._said, self._said_s = text, clock.monotonic_s()
        self._offset_s = redis_s - clock.now_s()
        self._heard = [said for said in heard if said.process != self._process]
        self._heard_s = clock.monotonic_s()
        self._version += 1

    async def _read(self) -> None:
        now_s = self.now_s()
        minute = int(now_s // 60)
        numbers = self._to_read(minute)
        is_last_due = clock.monotonic_s() - self._last_read_s > _LAST_EVERY_S
        written, clients, last = await asyncio.gather(
            self._board.read_minutes(numbers),
            self._board.count_members(int(now_s) - WINDOW_S),
            self._board.read_last() if is_last_due else _known(self._last),
        )
        for number, by_process in written.items():
            merged = Counts()
            for process, counts in by_process.items():
                if process != self._process:
                    merged.add(read_counts(counts))
            self._take(number, merged, minute)
        self._clients = clients
        if is_last_due:
            self._last, self._last_read_s = last, clock.monotonic_s()
            self._old_version += 1
        self._version += 1

    # ------------------------------------------------------------------ details

    def _take(self, number: int, merged: Counts, now_minute: int) -> None:
        if number < now_minute - 1 and self._others.get(number) != merged:
            self._old_version += 1
        self._others[number] = merged
        self._read_in[number] = now_minute

    def _take_last(self) -> dict[str, int]:
        """When things last happened that others are to know now: seldom, for the minutes say it too."""
        now_s = clock.monotonic_s()
        if not self._untold_last or now_s - self._last_told_s < _TELL_LAST_EVERY_S:
            return {}
        self._last_told_s = now_s
        last, self._untold_last = self._untold_last, {}
        return last

    def _minute(self) -> Counts:
        """The counts of this minute, to be changed: they are to be written again."""
        number = int(self.now_s() // 60)
        self._unwritten.add(number)
        counts = self._own.get(number)
        if counts is None:
            counts = self._own[number] = Counts()
        return counts

    def _forget_old(self) -> None:
        oldest = int(self.now_s() // 60) - HOUR_MINUTES
        for table in (self._own, self._others, self._read_in):
            for number in [number for number in table if number < oldest]:
                del table[number]
        self._unwritten = {number for number in self._unwritten if number >= oldest}

    def _to_read(self, minute: int) -> list[int]:
        """The minutes that may have changed, and of the settled ones the one that was not read for longest."""
        hour = range(minute - HOUR_MINUTES + 1, minute + 2)
        unsettled = [number for number in hour if self._read_in.get(number, -1) < number + 2]
        settled = [number for number in hour if number not in unsettled]
        return unsettled + sorted(settled, key=lambda number: self._read_in[number])[:1]

    def _look(self) -> bytes:
        return self._own_outages.look(self._providers or (), clock.monotonic_s())

    def _has_something_to_say(self) -> bool:
        if self._providers is None:
            return False
        return clock.monotonic_s() - self._said_s > _SAY_EVERY_S or self._extents(self._look()) != self._extents(
            self._said
        )

    def _extents(self, text: bytes) -> tuple[dict[str, bool], set[tuple[str, str]]]:
        outages = read_outages(text, 0.0, 0.0)
        return {prefix: rest.is_down for prefix, rest in outages.providers.items()}, outages.models

    def _put_together(self) -> Truth:
        now_s = self.now_s()
        minute = int(now_s // 60)
        totals = self._settled_totals(minute).copy()
        add_minutes(totals, self._minutes(lambda number: number >= minute - 1), minute)
        return Truth(totals, self._outages(now_s), self._members_by_client(int(now_s)))

    def _settled_totals(self, minute: int) -> Totals:
        """All but the two newest minutes, counted once a minute."""
        if self._settled[:2] != (minute, self._old_version):
            totals = Totals()
            totals.note_last(self._last)
            add_minutes(totals, self._minutes(lambda number: number < minute - 1), minute)
            self._settled = (minute, self._old_version, totals)
        return self._settled[2]

    def _minutes(self, is_wanted: Callable[[int], bool]) -> Iterator[tuple[int, Counts]]:
        for table in (self._own, self._others):
            yield from ((number, counts) for number, counts in table.items() if is_wanted(number))

    def _outages(self, now_s: float) -> list[Outages]:
        age_s = self.age_s
        said_by_others = self._heard if age_s < _HELD_S else []
        heard = [read_outages(said.text, said.age_s + age_s, now_s) for said in said_by_others]
        return heard if self._providers is None else [read_outages(self._look(), 0.0, now_s), *heard]

    def _members_by_client(self, now_s: int) -> dict[str, int]:
        known = dict(self._clients) if self.age_s < WINDOW_S else {}
        for client, members in self._members.counts(now_s).items():
            # The others' count has ours in it, unless it is a moment old.
            known[client] = max(known.get(client, 0), members)
        return known


async def _known(last: Mapping[str, int]) -> Mapping[str, int]:
    return last
