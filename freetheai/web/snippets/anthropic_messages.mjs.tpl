import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: "{{ base_url }}",
  apiKey: process.env.{{ key_variable }},
});

const message = await client.messages.create({
  model: "{{ alias }}",
  max_tokens: 256,
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(message.content[0].text);
