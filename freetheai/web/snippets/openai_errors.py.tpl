import os

import openai

client = openai.OpenAI(
    base_url="{{ base_url }}/v1",
    api_key=os.environ["{{ key_variable }}"],
)

try:
    answer = client.chat.completions.create(
        model="no/such-model",
        messages=[{"role": "user", "content": "Say hello."}],
    )
except openai.RateLimitError as error:
    print("wait", error.response.headers["retry-after"], "seconds:", error.type)
except openai.APIStatusError as error:
    print(error.status_code, error.type, error.message)
