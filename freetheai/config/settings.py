"""Every setting: its name, kind, default and meaning, in one place.

Strategy: a section of the file is a frozen dataclass, an entry of it a field made by ``entry``, which carries the
``Kind`` that reads it and the line of the reference. Loading, the documentation and its tests walk over these fields.

Rules:
- names and defaults are the operator's interface: they are added to, never changed;
- an unset text is "", an unset path None; durations are seconds;
- a default given as ``written`` is read like a line of the file (``env:DISCORD_TOKEN``).
"""

# ruff: noqa: RUF009  (`entry` only wraps `dataclasses.field`, which the rule allows)

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from freetheai.config import kinds
from freetheai.config.kinds import Kind, Network
from freetheai.config.limits import DEFAULT_TIERS, ROLES, TIERS, LimitTier, RoleLimits
from freetheai.config.secret import Secret

UPSTREAM_FORMATS = ("chat", "messages", "responses", "gemini", "speech", "transcriptions", "images", "videos")

_REDIS_URL = r"((redis|rediss|redis\+cluster|rediss\+cluster|redis\+sentinel|rediss\+sentinel|sentinel|unix)://\S+)?"


def entry(kind: Kind, default: Any, doc: str, *, written: Any = None, shown: str = "") -> Any:
    """A field of a section. ``written``: the default as the file would have it; ``shown``: as the reference has it."""
    metadata = {"kind": kind, "doc": doc, "written": written, "shown": shown}
    if isinstance(default, MappingProxyType):
        # dataclasses take what can't be hashed for mutable.
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The public port, the admin port and what holds for the whole process."""

    host: str = entry(kinds.NAME, "127.0.0.1", "Address to listen on.")
    port: int = entry(kinds.whole_number(0, 65535), 8080, "Public port; 0 takes any free one.")
    public_url: str = entry(
        kinds.url("http", "https"),
        "http://127.0.0.1:8080",
        "What clients reach the gateway by; shown in pages and messages. Follows host and port unless set.",
    )
    trusted_proxies: tuple[Network, ...] = entry(
        kinds.list_of(kinds.NETWORK, "list of networks"),
        (ip_network("127.0.0.1/32"), ip_network("::1/128")),
        "Whose `X-Forwarded-For` is believed.",
    )
    site_key: Secret = entry(
        kinds.secret(r"[\x21-\x7e]+", "text that is not empty, without spaces"),
        Secret("freetheai.xyz"),
        "Key by which the web pages read the public catalog and figures.",
        written="freetheai.xyz",
    )
    max_body_bytes: int = entry(kinds.whole_number(1), 33_554_432, "Largest request body, in bytes.")
    reuse_port: bool = entry(
        kinds.BOOLEAN, False, "Other processes of ours may listen on the same port (`SO_REUSEPORT`)."
    )
    drain_seconds: float = entry(
        kinds.seconds(may_be_zero=True), 30.0, "How long running streams may go on after SIGTERM."
    )
    data_dir: Path = entry(kinds.PATH, Path(".data"), "Where embedded services keep their data.")
    metrics: bool = entry(kinds.BOOLEAN, True, "Serve `GET /metrics`, on the admin port only.")
    admin_port: int = entry(
        kinds.whole_number(0, 65535), 8081, "Loopback port of `/healthz`, `/readyz` and `/metrics`; 0 turns it off."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """Whose gateway it is: what the web pages show in the operator's name."""

    name: str = entry(kinds.NAME, "FreeTheAI", "What the pages call the gateway.")
    tagline: str = entry(
        kinds.TEXT, "One key and one base URL for the language models of a community.", "One line under the name."
    )
    logo: Path | None = entry(
        kinds.OPTIONAL_PATH, None, "An image (svg, png, jpg or webp, at most 64 KiB) in place of the built-in mark."
    )
    discord_invite: str = entry(
        kinds.url("http", "https", may_be_empty=True, may_have_query=True),
        "",
        "Link by which people join the Discord server; empty: none is shown.",
    )
    base_url: str = entry(
        kinds.url("http", "https", may_be_empty=True),
        "",
        "What the pages say clients reach the gateway by, without `/v1`; empty: `server.public_url` if that is set,"
        " else the address by which the page was asked for.",
    )
    texts: Path | None = entry(
        kinds.OPTIONAL_PATH,
        None,
        "Folder whose `landing.html`, `privacy.html` and `terms.html` stand in place of the built-in texts.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MongodbSettings:
    """Where accounts, keys, models, jobs and usage are kept."""

    url: Secret = entry(
        kinds.secret(r"(mongodb(\+srv)?://\S+)?", "a URL (mongodb:// or mongodb+srv://)"),
        Secret(),
        "MongoDB's URL; empty: an embedded one is started.",
        written="",
    )
    database: str = entry(
        kinds.text_like(r"[A-Za-z0-9_-]{1,63}", "1 to 63 of A-Z a-z 0-9 _ -"), "freetheai", "Name of the database."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Where limits, leases and short-lived state are kept."""

    url: Secret = entry(
        kinds.secret(_REDIS_URL, "a URL (redis://, rediss://, unix://, redis+cluster:// or sentinel://)"),
        Secret(),
        "Redis' URL, also `redis+cluster://` and `sentinel://`; empty: an embedded one is started.",
        written="",
    )
    prefix: str = entry(
        kinds.text_like(r"[A-Za-z0-9_.:-]{1,32}", "1 to 32 of A-Z a-z 0-9 _ . : -"),
        "fta",
        "What every key in Redis begins with.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordSettings:
    """The bot: sign-up, check-in, membership and roles."""

    enabled: bool = entry(kinds.BOOLEAN, False, "Run the bot.")
    token: Secret = entry(
        kinds.secret(r"\S+", "a token without spaces"),
        Secret(),
        "The bot's token; not looked at while the bot is off.",
        written="env:DISCORD_TOKEN",
    )
    guild_id: int = entry(
        kinds.whole_number(0, 2**63 - 1), 0, "The Discord server's id; needed when the bot is enabled."
    )
    verified_role: str = entry(kinds.NAME, "seems_legit", "Role of Verified members.")
    staff_roles: tuple[str, ...] = entry(
        kinds.list_of(kinds.NAME, "list of text"),
        ("staff",),
        "Roles that may use the staff commands, by id (safer) or by name.",
    )
    api_base_url: str = entry(
        kinds.url("http", "https", may_be_empty=True),
        "",
        "Another Discord-compatible server's API (`…/api/v10`); empty: Discord's own.",
    )
    gateway_url: str = entry(
        kinds.url("ws", "wss", may_be_empty=True, may_have_query=True),
        "",
        "Its gateway (`ws://…`); empty: what the API names.",
    )
    members_intent: bool = entry(
        kinds.BOOLEAN,
        True,
        "Ask for the privileged members intent; without it everything works, but members are looked up one by one.",
    )
    message_content_intent: bool = entry(
        kinds.BOOLEAN,
        False,
        "Ask for the privileged message content intent, so that a key pasted in any message is found; without it only"
        " in messages that mention the bot or are written to it.",
    )
    picture_challenge: Literal["doubtful", "always", "never"] = entry(
        kinds.choice("doubtful", "always", "never"),
        "doubtful",
        "Who is asked by a drawn picture instead of in words: members whose signals are doubtful, all, or nobody.",
    )
    challenge_seconds: float = entry(
        kinds.seconds(), 180.0, "How long a form or picture may be answered; not under 120 where people use it."
    )
    invite_account_days: int = entry(
        kinds.whole_number(0),
        7,
        "Who joins with a Discord account younger than this counts for nobody.",
    )
    verified_days: int = entry(
        kinds.whole_number(0), 7, "UTC days with messages that make a member Verified; 0: only staff do."
    )
    verified_messages: int = entry(kinds.whole_number(1), 50, "Messages that count, needed besides the days.")
    verified_gap_seconds: float = entry(
        kinds.seconds(may_be_zero=True), 60.0, "A message sooner than this after one that counted does not count."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesSettings:
    """What an account must meet before it is served."""

    membership: bool = entry(
        kinds.BOOLEAN, False, "The owner must be in the Discord server.", shown="as `discord.enabled`"
    )
    checkin: bool = entry(
        kinds.BOOLEAN, False, "The owner must have checked in this UTC day.", shown="as `discord.enabled`"
    )
    failed_keys_per_minute: int = entry(
        kinds.whole_number(1), 30, "Wrong keys from one address in a minute; past it 429 `rate_limit_error`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """Services that are started with the server."""

    model: Literal["auto", "on", "off"] = entry(
        kinds.choice("auto", "on", "off"), "auto", "The local model; auto: when no provider is configured."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSettings:
    """What an account may use. Of tier, roles and the user's own override the highest wins."""

    daily_success_limit: int = entry(kinds.whole_number(1), 250, "Successful requests in a UTC day.")
    max_addresses: int = entry(
        kinds.whole_number(1), 2, "Source addresses (of IPv6 a /64) an account may use at once, while requests run."
    )
    lease_seconds: float = entry(
        kinds.seconds(), 60.0, "How long a running request's slot lasts; it is renewed every third of it."
    )
    tiers: tuple[LimitTier, ...] = entry(
        TIERS,
        DEFAULT_TIERS,
        "Limits by number of invites: `level`, `minimum_invites`, `rate_limit_per_minute`, `concurrency_limit`.",
        shown="invites 0/3/8/15/30 → 10/15/20/28/35 a minute, 1/1/2/2/3 at once",
    )
    roles: Mapping[str, RoleLimits] = entry(
        ROLES,
        MappingProxyType({"seems_legit": RoleLimits(daily_success_limit=500)}),
        "Limits by Discord role: any of `daily_success_limit`, `rate_limit_per_minute`, `concurrency_limit`.",
        shown="{ seems_legit = { daily_success_limit = 500 } }",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationSettings:
    """What prompts are checked against; nothing when neither is set."""

    patterns_file: Path | None = entry(kinds.OPTIONAL_PATH, None, "File of patterns that block a prompt.")
    endpoint: str = entry(
        kinds.url("http", "https", may_be_empty=True, may_have_query=True), "", "An OpenAI-compatible moderations URL."
    )
    api_key: Secret = entry(
        kinds.secret(r"[\x21-\x7e]*", "text without spaces"),
        Secret(),
        "Its key; not looked at while no endpoint is set.",
        written="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutSettings:
    """How long we wait. Seconds; a provider may override each."""

    connect: float = entry(kinds.seconds(), 5.0, "For a connection to the provider.")
    first_byte: float = entry(kinds.seconds(), 60.0, "Until the head of the provider's answer.")
    idle: float = entry(kinds.seconds(), 60.0, "Without any byte from the provider, comments and pings included.")
    total: float = entry(kinds.seconds(), 900.0, "For the whole answer.")
    stall: float = entry(kinds.seconds(), 60.0, "A client that reads nothing for so long is closed (client_canceled).")
    keepalive: float = entry(
        kinds.seconds(), 15.0, "Silence towards the client, whatever the provider sends, until a comment or ping."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """Models loaded at the start."""

    files: tuple[Path, ...] = entry(
        kinds.list_of(kinds.PATH, "list of paths"),
        (),
        "Files of `[[models]]`, upserted into the catalog at each start: rows that are new or have changed since they"
        " were loaded. What staff did to the others stays.",
    )


def _read_partial_timeouts(value: Mapping[str, Any], place: kinds.Place) -> Mapping[str, Any]:
    # Only the form: each entry is read where [timeouts] is, so that both give the same reasons.
    del place
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One provider. ``timeouts`` are [timeouts] with the provider's own laid over them."""

    adapter: str = entry(
        kinds.text_like(r"[a-z][a-z0-9_]*", "the name of an adapter (a-z 0-9 _)"),
        "openai",
        "A folder of `adapters/`; `openai` serves any OpenAI-compatible server.",
    )
    base_url: str = entry(
        kinds.url("http", "https"), MISSING, "What the adapter appends its paths to.", shown="must be given"
    )
    formats: tuple[str, ...] = entry(
        kinds.list_of(kinds.choice(*UPSTREAM_FORMATS), "list of formats"),
        (),
        f"What it speaks, of: {' '.join(UPSTREAM_FORMATS)}; empty: all its adapter has."
        " The client's own format is preferred, else the first.",
    )
    api_keys: tuple[Secret, ...] = entry(
        kinds.list_of(kinds.secret(r"[\x21-\x7e]+", "text that is not empty, without spaces"), "list of secrets"),
        (),
        "A pool of keys; empty: none is sent.",
    )
    max_concurrency: int = entry(kinds.whole_number(0), 0, "Requests at once; 0: no bound of ours.")
    cooldown_seconds: float = entry(
        kinds.seconds(may_be_zero=True), 30.0, "Rest after a failure where the provider names no time; 0: none."
    )
    error_threshold: int = entry(kinds.whole_number(0), 5, "Consecutive failures that open the circuit; 0: never.")
    timeouts: TimeoutSettings = entry(
        kinds.table("table", _read_partial_timeouts),
        TimeoutSettings(),
        "Overrides of `[timeouts]`, as in `{ first_byte = 120 }`.",
        shown="as `[timeouts]`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration; ``source`` is the file it came from, None for defaults and environment alone."""

    server: ServerSettings = field(default_factory=ServerSettings)
    site: SiteSettings = field(default_factory=SiteSettings)
    mongodb: MongodbSettings = field(default_factory=MongodbSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    discord: DiscordSettings = field(default_factory=DiscordSettings)
    gates: GatesSettings = field(default_factory=GatesSettings)
    embedded: EmbeddedSettings = field(default_factory=EmbeddedSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    moderation: ModerationSettings = field(default_factory=ModerationSettings)
    timeouts: TimeoutSettings = field(default_factory=TimeoutSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=lambda: MappingProxyType({}))
    source: Path | None = None


# The sections that stand in the file under their own name; [providers.NAME] are ProviderSettings.
SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "server": ServerSettings,
        "site": SiteSettings,
        "mongodb": MongodbSettings,
        "redis": RedisSettings,
        "discord": DiscordSettings,
        "gates": GatesSettings,
        "embedded": EmbeddedSettings,
        "limits": LimitsSettings,
        "moderation": ModerationSettings,
        "timeouts": TimeoutSettings,
        "catalog": CatalogSettings,
    }
)
