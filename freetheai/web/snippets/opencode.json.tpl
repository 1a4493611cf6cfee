{
  "$schema": "https://opencode.ai/config.json",
  "model": "{{ slug }}/{{ alias }}",
  "provider": {
    "{{ slug }}": {
      "npm": "@ai-sdk/openai-compatible",
      "name": {{ quoted_name }},
      "options": {
        "baseURL": "{{ base_url }}/v1",
        "apiKey": "{env:{{ key_variable }}}"
      },
      "models": {
        "{{ alias }}": {
          "limit": { "context": {{ context_window }}, "output": {{ output_tokens }} }
        }
      }
    }
  }
}
