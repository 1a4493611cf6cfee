"""Anthropic, and servers that speak its Messages format."""
