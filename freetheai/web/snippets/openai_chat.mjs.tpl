import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "{{ base_url }}/v1",
  apiKey: process.env.{{ key_variable }},
});

const stream = await client.chat.completions.create({
  model: "{{ alias }}",
  messages: [{ role: "user", content: "Say hello." }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
console.log();
