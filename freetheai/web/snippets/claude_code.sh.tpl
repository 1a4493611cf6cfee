export ANTHROPIC_BASE_URL="{{ base_url }}"
export ANTHROPIC_AUTH_TOKEN="${{ key_variable }}"
export ANTHROPIC_MODEL="{{ alias }}"
export ANTHROPIC_DEFAULT_OPUS_MODEL="{{ alias }}"
export ANTHROPIC_DEFAULT_SONNET_MODEL="{{ alias }}"
export ANTHROPIC_DEFAULT_HAIKU_MODEL="{{ alias }}"
export CLAUDE_CODE_SUBAGENT_MODEL="{{ alias }}"
export CLAUDE_CODE_MAX_CONTEXT_TOKENS="{{ context_window }}"
claude
