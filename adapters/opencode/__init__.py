"""OpenCode Zen and its Go plan."""
