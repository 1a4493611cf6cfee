import os

from openai import OpenAI

client = OpenAI(
    base_url="{{ base_url }}/v1",
    api_key=os.environ["{{ key_variable }}"],
)

stream = client.chat.completions.create(
    model="{{ alias }}",
    messages=[{"role": "user", "content": "Say hello."}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
