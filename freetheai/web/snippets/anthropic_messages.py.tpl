import os

from anthropic import Anthropic

client = Anthropic(
    base_url="{{ base_url }}",
    api_key=os.environ["{{ key_variable }}"],
)

with client.messages.stream(
    model="{{ alias }}",
    max_tokens=256,
    messages=[{"role": "user", "content": "Say hello."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
