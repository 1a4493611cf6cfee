"""xAI: the Grok models."""
