curl {{ base_url }}/v1/messages \
  -H "x-api-key: ${{ key_variable }}" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "{{ alias }}",
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "Give me a short plan."}]
  }'
