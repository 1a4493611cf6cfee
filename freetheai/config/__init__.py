"""The configuration: one TOML file, the environment over it, typed and checked before anything starts.

``load_settings`` gives ``Settings``, a frozen value that is handed down by constructors; nothing else in the project
reads the file or the environment.

Rules:
- whatever is unknown, ill-typed or out of range stops the start with file, entry and reason;
- secrets are ``Secret`` and appear in no repr, error or dump.
"""

from freetheai.config.kinds import ConfigError, Network
from freetheai.config.limits import LimitTier, RoleLimits
from freetheai.config.load import load_settings
from freetheai.config.reload import Differences, reloadable_differences, reloaded
from freetheai.config.secret import Secret
from freetheai.config.settings import (
    UPSTREAM_FORMATS,
    CatalogSettings,
    DiscordSettings,
    EmbeddedSettings,
    GatesSettings,
    LimitsSettings,
    ModerationSettings,
    MongodbSettings,
    ProviderSettings,
    RedisSettings,
    ServerSettings,
    Settings,
    SiteSettings,
    TimeoutSettings,
)

__all__ = [
    "UPSTREAM_FORMATS",
    "CatalogSettings",
    "ConfigError",
    "Differences",
    "DiscordSettings",
    "EmbeddedSettings",
    "GatesSettings",
    "LimitTier",
    "LimitsSettings",
    "ModerationSettings",
    "MongodbSettings",
    "Network",
    "ProviderSettings",
    "RedisSettings",
    "RoleLimits",
    "Secret",
    "ServerSettings",
    "Settings",
    "SiteSettings",
    "TimeoutSettings",
    "load_settings",
    "reloadable_differences",
    "reloaded",
]
