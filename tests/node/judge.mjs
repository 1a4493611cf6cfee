// Plays a member's JavaScript against a running gateway and prints what the SDKs made of it, as JSON.
//
//   node judge.mjs ROOT KEY SCENARIO ALIAS…        scenarios: text, tool, cut
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [root, key, scenario, ...aliases] = process.argv.slice(2);
const openai = new OpenAI({ apiKey: key, baseURL: `${root}/v1`, maxRetries: 0, timeout: 20000 });
const anthropic = new Anthropic({ apiKey: key, baseURL: root, maxRetries: 0, timeout: 20000 });
const messages = [{ role: "user", content: "Say hello." }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

const text = {
  async chat(model) {
    const plain = await openai.chat.completions.create({ model, messages });
    const stream = openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    const final = await stream.finalChatCompletion();
    return [plain.choices[0].message.content, final.choices[0].message.content, final.usage.total_tokens];
  },
  async messages(model) {
    const plain = await anthropic.messages.create({ model, messages, max_tokens: 100 });
    const final = await anthropic.messages.stream({ model, messages, max_tokens: 100 }).finalMessage();
    const counted = await anthropic.messages.countTokens({ model, messages });
    if (counted.input_tokens < 1) throw new Error("nothing was counted");
    const total = final.usage.input_tokens + final.usage.output_tokens;
    return [plain.content[0].text, final.content[0].text, total];
  },
  async responses(model) {
    const plain = await openai.responses.create({ model, input: "Say hello." });
    const final = await openai.responses.stream({ model, input: "Say hello." }).finalResponse();
    return [plain.output_text, final.output_text, final.usage.total_tokens];
  },
};

const tool = {
  async chat(model) {
    const tools = [{ type: "function", function: { name: "weather", parameters: schema } }];
    const final = await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
    const [call] = final.choices[0].message.tool_calls;
    return [call.function.name, JSON.parse(call.function.arguments).city, final.choices[0].finish_reason];
  },
  async messages(model) {
    const tools = [{ name: "weather", input_schema: schema }];
    const final = await anthropic.messages.stream({ model, messages, tools, max_tokens: 100 }).finalMessage();
    const call = final.content.find((block) => block.type === "tool_use");
    return [call.name, call.input.city, final.stop_reason];
  },
  async responses(model) {
    const tools = [{ type: "function", name: "weather", parameters: schema, strict: false }];
    const final = await openai.responses.stream({ model, input: "Weather?", tools }).finalResponse();
    const call = final.output.find((item) => item.type === "function_call");
    return [call.name, JSON.parse(call.arguments).city, final.status];
  },
};

async function failure(work) {
  try {
    await work();
  } catch (error) {
    return [error.constructor.name, error.message.includes("Error id:")];
  }
  return ["nothing was thrown", false];
}

const cut = {
  chat: (model) => failure(() => openai.chat.completions.stream({ model, messages }).finalChatCompletion()),
  messages: (model) => failure(() => anthropic.messages.stream({ model, messages, max_tokens: 9 }).finalMessage()),
  responses: (model) =>
    failure(async () => {
      for await (const event of await openai.responses.create({ model, input: "x", stream: true })) {
        if (event.type === "response.completed") throw new Error("a cut stream was completed");
      }
    }),
};

const results = {};
for (const alias of aliases) {
  for (const [format, play] of Object.entries({ text, tool, cut }[scenario])) {
    results[`${format} <- ${alias}`] = await play(alias).catch((error) => [`${error.name}: ${error.message}`]);
  }
}
console.log(JSON.stringify(results));
