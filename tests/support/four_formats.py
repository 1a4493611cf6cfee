"""A provider for each format that upstreams speak, all of them one scripted server."""

from typing import Any

# By the format, which is the provider's prefix too: the adapter that speaks it.
FAMILIES = {"chat": "openai", "messages": "anthropic", "responses": "openai", "gemini": "gemini"}
ALIASES = [f"{name}/one" for name in FAMILIES]


def four_providers(url: str) -> dict[str, dict[str, Any]]:
    """Their sections of the configuration. One test's broken provider is the next one's good one: no rest."""
    return {
        f"providers.{name}": {
            "adapter": family,
            "base_url": f"{url}/v1beta" if name == "gemini" else f"{url}/v1",
            "formats": [name],
            "api_keys": ["sk-upstream-secret"],
            "cooldown_seconds": 0,
            "error_threshold": 1000000,
        }
        for name, family in FAMILIES.items()
    }
