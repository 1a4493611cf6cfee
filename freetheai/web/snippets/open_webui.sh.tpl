docker run -d --name open-webui -p 3000:8080 \
  -e OPENAI_API_BASE_URL="{{ base_url }}/v1" \
  -e OPENAI_API_KEY="${{ key_variable }}" \
  -v open-webui:/app/backend/data \
  ghcr.io/open-webui/open-webui:main
