import os

from openai import OpenAI

client = OpenAI(
    base_url="{{ base_url }}/v1",
    api_key=os.environ["{{ key_variable }}"],
)

response = client.responses.create(model="{{ alias }}", input="Say hello.")
print(response.output_text)
