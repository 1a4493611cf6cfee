"""Every way to reach Redis by its URL: a socket, a password, a database, a cluster, Sentinels."""

import asyncio
import contextlib

import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.limits import Limiter, Reason, RedisConnection, RedisFailure, open_redis
from freetheai.limits.redis_client import RedisPyClient
from freetheai.limits.scripts import RedisUnavailable
from support.limit_accounts import new_account, policy, refusal
from support.on_loop import eventually, on_loop


@contextlib.asynccontextmanager
async def opened(url, **options):
    redis = open_redis(url, **options)
    try:
        yield redis
    finally:
        await redis.close()


async def serves_limits(redis):
    """The limits hold over this connection."""
    limiter, account, limits = Limiter(redis, "fta"), new_account(), policy(requests_per_minute=2)
    for _ in range(2):
        await limiter.settle(await limiter.acquire(account, limits, "a"), is_success=True)
    refused = await refusal(limiter, account, limits)
    assert refused.reason is Reason.MINUTE
    assert refused.numbers.day.remaining == limits.daily_successes - 2
    await limiter.close()


@pytest.mark.parametrize("is_pipelined", [True, False])
@on_loop
async def test_tcp_and_unix_sockets_and_databases(redis_server, is_pipelined):
    urls = [
        redis_server.url,
        redis_server.url + "/3",
        redis_server.url + "?db=4",
        f"unix://{redis_server.unix_path}",
        f"unix://{redis_server.unix_path}?db=5",
    ]
    for url in urls:
        async with opened(url, is_pipelined=is_pipelined) as redis:
            await redis.ping()
            await serves_limits(redis)
    keys = redis_server.command("INFO", "keyspace")
    assert all(f"db{number}:".encode() in keys for number in (0, 3, 4, 5))


@pytest.mark.parametrize("is_pipelined", [True, False])
@on_loop
async def test_passwords_and_users(new_redis_server, is_pipelined):
    new_redis_server._options = ("--requirepass", "p@ss/word")
    new_redis_server.start()
    new_redis_server.command("ACL", "SETUSER", "gate", "on", ">second", "~*", "&*", "+@all", password="p@ss/word")
    where = new_redis_server.url.removeprefix("redis://")
    for good in ("redis://:p%40ss%2Fword@", "redis://gate:second@"):
        async with opened(good + where, is_pipelined=is_pipelined) as redis:
            await serves_limits(redis)
    for bad in ("redis://", "redis://:hunter2@", "redis://gate:hunter2@"):
        async with opened(bad + where, is_pipelined=is_pipelined) as redis:
            with pytest.raises(RedisFailure) as refused:
                await redis.ping()
            assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("http://localhost", "scheme", id="another scheme"),
        pytest.param("localhost:6379", "scheme", id="no scheme"),
        pytest.param("redis://localhost:port", "HOST:PORT", id="port no number"),
        pytest.param("redis://localhost/first", "database", id="database no number"),
        pytest.param("redis://localhost?timeout=3", "timeout", id="unknown option"),
        pytest.param("unix://", "path", id="no path"),
        pytest.param("redis+sentinel://localhost", "SERVICE", id="no service"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url, says):
    with pytest.raises(ValueError, match=says):
        open_redis(url)


def test_a_wrong_url_keeps_the_password_to_itself():
    with pytest.raises(ValueError) as refused:
        open_redis("redis://user:hunter2@localhost:port")
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def cluster(tmp_path, redis_servers):
    """Three masters that share the slots."""
    nodes = redis_servers(3, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    share = 16384 // 3 + 1
    for number, node in enumerate(nodes):
        slots = [str(slot) for slot in range(number * share, min(16384, (number + 1) * share))]
        assert node.command("CLUSTER", "ADDSLOTS", *slots) == b"+OK\r\n"
        assert node.command("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port)) == b"+OK\r\n"
    return nodes


@on_loop
async def test_a_cluster_of_three_takes_the_scripts_and_carries_notices(cluster):
    def is_whole():
        return all(b"cluster_state:ok" in node.command("CLUSTER", "INFO") for node in cluster)

    await eventually(is_whole)
    url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in cluster[:2])
    for _ in range(5):
        async with opened(url) as redis:
            # Nothing is known of the cluster yet, and all come at once.
            await asyncio.gather(*(serves_limits(redis) for _ in range(30)), *(redis.ping() for _ in range(10)))
    async with opened(url) as redis:
        await redis.ping()
        for _ in range(30):
            await serves_limits(redis)
        counts = [int(node.command("DBSIZE")[1:]) for node in cluster]
        assert min(counts) > 0  # accounts are spread over the nodes
        client = await redis.subscriber()
        async with client.pubsub() as channel:
            await channel.subscribe("fta:changes")
            assert (await channel.get_message(timeout=5))["type"] == "subscribe"
            await redis.publish("fta:changes", b"hello")
            assert (await channel.get_message(timeout=5))["data"] == b"hello"
        await client.aclose()


@on_loop
async def test_sentinels_name_the_master(redis_server, redis_servers, tmp_path):
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(f"sentinel monitor main 127.0.0.1 {redis_server.port} 1\n")
    (sentinel,) = redis_servers(1, "--sentinel", configuration=configuration)
    async with opened(f"redis+sentinel://127.0.0.1:{sentinel.port}/main/7") as redis:
        await redis.ping()
        await serves_limits(redis)
        client = await redis.subscriber()
        await client.ping()
        await client.aclose()
    assert b"db7:" in redis_server.command("INFO", "keyspace")


class Broken:
    """A redis-py client whose connection was closed under its command's hands."""

    async def execute_command(self, *parts):
        raise AttributeError("'NoneType' object has no attribute 'writelines'")

    async def aclose(self):
        pass


@on_loop
async def test_whatever_redis_py_stumbles_over_is_a_redis_that_is_away():
    redis = RedisConnection(RedisPyClient(Broken()), None)
    with pytest.raises(RedisUnavailable, match="AttributeError"):
        await redis.ping()
    with pytest.raises(ApiError) as refused:
        await Limiter(redis, "fta").acquire("u", policy(), "a")
    assert refused.value.spec is errors.DEPENDENCY_UNAVAILABLE
