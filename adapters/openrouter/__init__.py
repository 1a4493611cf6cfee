"""OpenRouter, and gateways that answer like it (Kilo)."""
