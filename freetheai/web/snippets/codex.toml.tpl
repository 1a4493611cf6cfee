model = "{{ alias }}"
model_provider = "{{ slug }}"
model_context_window = {{ context_window }}

[model_providers.{{ slug }}]
name = {{ quoted_name }}
base_url = "{{ base_url }}/v1"
env_key = "{{ key_variable }}"
wire_api = "responses"
