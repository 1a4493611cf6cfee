curl {{ base_url }}/v1/responses \
  -H "Authorization: Bearer ${{ key_variable }}" \
  -H "Content-Type: application/json" \
  -d '{"model": "{{ alias }}", "input": "Reply with OK."}'
