{
  "env": {
    "ANTHROPIC_BASE_URL": "{{ base_url }}",
    "ANTHROPIC_AUTH_TOKEN": "fta_your_key_here",
    "ANTHROPIC_MODEL": "{{ alias }}",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "{{ alias }}",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "{{ alias }}",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "{{ alias }}",
    "CLAUDE_CODE_SUBAGENT_MODEL": "{{ alias }}",
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "{{ context_window }}"
  },
  "permissions": {
    "deny": ["WebSearch"]
  }
}
