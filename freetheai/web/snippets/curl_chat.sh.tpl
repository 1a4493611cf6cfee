curl {{ base_url }}/v1/chat/completions \
  -H "Authorization: Bearer ${{ key_variable }}" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "{{ alias }}",
    "messages": [{"role": "user", "content": "Say hello."}],
    "stream": true
  }'
