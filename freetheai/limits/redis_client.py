"""Open Redis by its URL: one server, a cluster, or what Sentinels watch, behind one small class.

URLs:
- ``redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]``, ``unix://[[USER]:PASSWORD@]/PATH[?db=N]``: the pipelining client;
- ``rediss://…`` (TLS), ``redis+cluster://[…@]HOST[:PORT][,HOST[:PORT]…]``, ``rediss+cluster://…``,
  ``sentinel://[…@]HOST[:PORT][,…]/SERVICE[/DB]`` (also as ``redis+sentinel``, with TLS ``rediss+sentinel``; user and
  password are the servers', not the Sentinels'):
  redis-py's clients behind the same seam.

Why two: docs/decisions/0003-redis-client.md. Subscriptions use redis-py everywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from freetheai.limits.pipeline import Endpoint, PipelineClient
from freetheai.limits.scripts import Part, RedisReplyError, RedisUnavailable, Script

# Connections that one process opens to each node when it doesn't pipeline; further commands wait for one.
MAX_CONNECTIONS: Final = 64

_SCHEMES: Final = (
    "redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "sentinel", "redis+sentinel", "rediss+sentinel"
)  # fmt: skip


class CommandClient(Protocol):
    """What both clients do."""

    async def execute(self, *parts: Part) -> Any:
        """Send one command; RedisUnavailable without a reply in time, RedisReplyError when the reply is an error."""

    async def close(self) -> None:
        """Close all connections."""


class RedisPyClient:
    """redis-py behind the seam: our time limit, our bound, our exceptions; no back-off."""

    def __init__(self, client: Redis | RedisCluster, *, timeout_s: float = 1.5, watchers: Sequence[Redis] = ()) -> None:
        self._client = client
        self._cluster = client if isinstance(client, RedisCluster) else None
        self._timeout_s = timeout_s
        self._watchers = watchers  # clients of the Sentinels, closed with ours
        # redis-py raises when its pool is empty; here one waits for a connection, within the time limit.
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)

    async def execute(self, *parts: Part) -> Any:
        """Send one command and return its reply; errors as CommandClient says."""
        try:
            async with asyncio.timeout(self._timeout_s), self._free:
                if self._cluster is not None:
                    # Before it knows the slots, redis-py chooses any node for a command, and closes the connections of
                    # all others when it is sent on to the right one. Known slots cost nothing here.
                    await self._cluster.initialize()
                return await self._client.execute_command(*parts)
        except (TimeoutError, RedisTimeoutError):
            raise RedisUnavailable(f"no reply within {self._timeout_s:g} s") from None
        except ResponseError as error:
            # redis-py takes the code off some replies; the one that is acted on is put back.
            code = "NOSCRIPT " if type(error).__name__ == "NoScriptError" else ""
            raise RedisReplyError(f"{code}{error}") from None
        except (RedisError, OSError, asyncio.IncompleteReadError) as error:
            raise RedisUnavailable(str(error) or type(error).__name__) from error
        except Exception as error:
            # redis-py drops a connection under another command's hands (a node that went away, a cluster that moved its
            # slots), which then ends as whatever its code stumbles over. Nobody may be let in for that.
            raise RedisUnavailable(f"redis-py failed: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        for watcher in self._watchers:
            await watcher.aclose()


class RedisConnection:
    """One Redis: scripts, notices, a ping, and clients for subscriptions."""

    def __init__(self, client: CommandClient, subscriber: Callable[[], Awaitable[Redis]]) -> None:
        self._client = client
        self._subscriber = subscriber

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[Part]) -> Any:
        """Run a script by its SHA-1; where Redis does not know it (new, restarted, flushed), by its text.

        Raises:
            RedisFailure: no reply in time, or an error for a reply.
        """
        try:
            return await self._client.execute("EVALSHA", script.sha1, len(keys), *keys, *args)
        except RedisReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self._client.execute("EVAL", script.text, len(keys), *keys, *args)

    async def execute(self, *parts: Part) -> Any:
        """Send one command, of one key, that may be done twice; RedisFailure when it was not done or can't be known."""
        return await self._client.execute(*parts)

    async def ping(self) -> None:
        """Return when Redis answers; RedisFailure when it does not."""
        await self._client.execute("PING")

    async def publish(self, channel: str, payload: bytes) -> None:
        """Tell all subscribers of ``channel``, on every node of a cluster; RedisFailure when it could not be sent."""
        await self._client.execute("PUBLISH", channel, payload)

    async def subscriber(self) -> Redis:
        """A redis-py client of one node, for one subscription; whoever asks closes it."""
        return await self._subscriber()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def open_redis(url: str, *, timeout_s: float = 1.5, is_pipelined: bool = True) -> RedisConnection:
    """Make the client for ``url``; connections open when first used. ``timeout_s``: for each command (seconds).

    Raises:
        ValueError: the URL is none of those above; the text never holds the password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"redis.url: scheme must be one of {', '.join(_SCHEMES)}")
    if parts.scheme != "unix" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        # Cut in the password, whose beginning would be taken for the host and shown.
        raise ValueError("redis.url: / ? # in a password must be percent-encoded")
    if parts.scheme.endswith("+cluster"):
        return _open_cluster(parts, timeout_s)
    if parts.scheme.endswith("sentinel"):
        return _open_sentinel(parts, timeout_s)
    endpoint = _endpoint(parts)
    options = _options(parts, timeout_s)
    if is_pipelined and parts.scheme != "rediss":
        client: CommandClient = PipelineClient(endpoint, timeout_s=timeout_s)
    else:
        client = RedisPyClient(_single(endpoint, options), timeout_s=timeout_s)

    async def subscriber() -> Redis:
        return _single(endpoint, options)

    return RedisConnection(client, subscriber)


def _open_cluster(parts: SplitResult, timeout_s: float) -> RedisConnection:
    options = _options(parts, timeout_s)
    nodes = [ClusterNode(host, port) for host, port in _hosts(parts, 6379)]
    cluster = RedisCluster(startup_nodes=nodes, max_connections=MAX_CONNECTIONS, **options)

    async def subscriber() -> Redis:
        # A cluster carries plain pub/sub to all its nodes: any will do, another one each time.
        await cluster.initialize()
        node = cluster.get_random_node()
        return Redis(host=node.host, port=int(node.port), **options)

    return RedisConnection(RedisPyClient(cluster, timeout_s=timeout_s), subscriber)


def _open_sentinel(parts: SplitResult, timeout_s: float) -> RedisConnection:
    options = _options(parts, timeout_s)
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("redis.url: a sentinel URL ends with /SERVICE, the name of the watched master")
    watchers = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    options["db"] = _database(database)
    sentinel = Sentinel(_hosts(parts, 26379), sentinel_kwargs=watchers, **options)  # type: ignore[no-untyped-call]

    def master() -> Redis:
        client: Redis = sentinel.master_for(service, max_connections=2 * MAX_CONNECTIONS)
        return client

    async def subscriber() -> Redis:
        return master()

    client = RedisPyClient(master(), timeout_s=timeout_s, watchers=sentinel.sentinels)
    return RedisConnection(client, subscriber)


def _single(at: Endpoint, options: dict[str, Any]) -> Redis:
    if at.unix_path:
        return Redis(unix_socket_path=at.unix_path, db=at.database, **options)
    return Redis(host=at.host, port=at.port, db=at.database, **options)


def _options(parts: SplitResult, timeout_s: float) -> dict[str, Any]:
    username, password = _credentials(parts)
    options: dict[str, Any] = {
        "username": username or None,
        "password": password or None,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        # One more attempt on a connection that turned out to be dead; a timeout is final.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    }
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    return options


def _endpoint(parts: SplitResult) -> Endpoint:
    query = parse_qs(parts.query)
    if unknown := sorted(query.keys() - {"db"}):
        raise ValueError(f"redis.url: unknown option {unknown[0]!r}; only db is known")
    username, password = _credentials(parts)
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("redis.url: a unix URL needs the socket's path")
        database = _database(query.get("db", [""])[0])
        return Endpoint(unix_path=unquote(parts.path), username=username, password=password, database=database)
    ((host, port),) = _hosts(parts, 6379)[:1]
    database = _database(parts.path.strip("/") or query.get("db", [""])[0])
    return Endpoint(host=host, port=port, username=username, password=password, database=database)


def _credentials(parts: SplitResult) -> tuple[str, str]:
    user_info, at, _ = parts.netloc.rpartition("@")
    username, _, password = user_info.partition(":")
    return (unquote(username), unquote(password)) if at else ("", "")


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{each}")
        try:
            hosts.append((one.hostname or "localhost", one.port or default_port))
        except ValueError:
            raise ValueError(f"redis.url: {each!r} is no HOST:PORT") from None
    return hosts


def _database(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError(f"redis.url: database {text!r} is no number")
    return int(text or 0)
