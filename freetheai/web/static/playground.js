// One request from this tab: its stream, its headers, its speed, and the same request to take elsewhere.
"use strict";

const form = document.querySelector("[data-playground]");
const answer = document.querySelector("[data-answer]");
const state = document.querySelector("[data-state]");
const problem = document.querySelector("[data-problem]");
const sendButton = document.querySelector("[data-send]");
const stopButton = document.querySelector("[data-stop]");
const KEY_NAME = "playground-key";
let running = null;

// What differs between the formats: path, body, and what one event says.
const FORMATS = {
  chat: {
    path: "/v1/chat/completions",
    body: (ask) => ({
      model: ask.alias,
      messages: [{ role: "user", content: ask.prompt }],
      max_tokens: ask.max,
      stream: true,
      stream_options: { include_usage: true },
    }),
    read(event) {
      const delta = event.choices?.[0]?.delta ?? {};
      return {
        text: delta.content,
        thought: delta.reasoning_content ?? delta.reasoning,
        tokens: event.usage?.completion_tokens,
      };
    },
  },
  messages: {
    path: "/v1/messages",
    body: (ask) => ({
      model: ask.alias,
      max_tokens: ask.max,
      messages: [{ role: "user", content: ask.prompt }],
      stream: true,
    }),
    read: (event) => ({
      text: event.delta?.text,
      thought: event.delta?.thinking,
      tokens: event.type === "message_delta" ? event.usage?.output_tokens : undefined,
    }),
  },
  responses: {
    path: "/v1/responses",
    body: (ask) => ({ model: ask.alias, input: ask.prompt, max_output_tokens: ask.max, stream: true }),
    read: (event) => ({
      text: event.type === "response.output_text.delta" ? event.delta : undefined,
      thought: /^response\.reasoning.*\.delta$/.test(event.type) ? event.delta : undefined,
      tokens: event.response?.usage?.output_tokens,
      error: event.type === "response.failed" ? event.response?.error : undefined,
    }),
  },
};

// ---------------------------------------------------------------- the key: in this tab, nowhere else

function storedKey() {
  try {
    return sessionStorage.getItem(KEY_NAME) ?? "";
  } catch {
    return "";
  }
}

function storeKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY_NAME, key);
    else sessionStorage.removeItem(KEY_NAME);
  } catch {
    // Then it is only in the field.
  }
}

// ---------------------------------------------------------------- the request in other languages

const quoteShell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function python(value, indent) {
  const inner = `${indent}    `;
  if (value === true) return "True";
  if (Array.isArray(value)) return `[${value.map((item) => python(item, indent)).join(", ")}]`;
  if (typeof value === "object") {
    const parts = Object.entries(value).map(([name, item]) => `"${name}": ${python(item, inner)}`);
    return `{${parts.join(", ")}}`;
  }
  return JSON.stringify(value);
}

const keywords = (body) =>
  Object.entries(body)
    .map(([name, value]) => `    ${name}=${python(value, "    ")},`)
    .join("\n");

function written(format, body) {
  const base = form.dataset.base;
  const variable = form.dataset.variable;
  const isMessages = format === "messages";
  const method = { chat: "chat.completions", messages: "messages", responses: "responses" }[format];
  const root = isMessages ? base : `${base}/v1`;
  const [maker, library, npm] = isMessages
    ? ["Anthropic", "anthropic", "@anthropic-ai/sdk"]
    : ["OpenAI", "openai", "openai"];
  const curl = [
    `curl -N ${base}${FORMATS[format].path} \\`,
    `  -H "Authorization: Bearer $${variable}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d ${quoteShell(JSON.stringify(body, null, 2))}`,
  ];
  const inPython = [
    "import os",
    "",
    `from ${library} import ${maker}`,
    "",
    `client = ${maker}(base_url="${root}", api_key=os.environ["${variable}"])`,
    `stream = client.${method}.create(`,
    keywords(body),
    ")",
    "for event in stream:",
    "    print(event)",
  ];
  const inJavaScript = [
    `import ${maker} from "${npm}";`,
    "",
    `const client = new ${maker}({ baseURL: "${root}", apiKey: process.env.${variable} });`,
    `const stream = await client.${method}.create(${JSON.stringify(body, null, 2)});`,
    "for await (const event of stream) console.log(event);",
  ];
  return { curl: curl.join("\n"), python: inPython.join("\n"), javascript: inJavaScript.join("\n") };
}

function showRequests(format, body) {
  for (const [name, text] of Object.entries(written(format, body))) {
    document.querySelector(`[data-request="${name}"]`).textContent = text;
  }
  document.querySelector("[data-requests]").hidden = false;
}

// ---------------------------------------------------------------- what comes back

function fact(name, text) {
  document.querySelector(`[data-fact="${name}"]`).textContent = text;
}

function showHeaders(headers) {
  for (const cell of document.querySelectorAll("[data-header]")) {
    cell.textContent = headers?.get(cell.dataset.header) ?? "–";
  }
}

function showProblem(status, type, message) {
  const rows = [...document.querySelectorAll("[data-error]")];
  const row =
    rows.find((item) => item.dataset.error === `${status} ${type}`) ??
    rows.find((item) => item.dataset.error.endsWith(` ${type}`));
  problem.querySelector("[data-problem-status]").textContent = status || "In the stream:";
  problem.querySelector("[data-problem-type]").textContent = type;
  problem.querySelector("[data-problem-message]").textContent = message;
  problem.querySelector("[data-problem-advice]").textContent = row ? row.querySelector("dd").textContent : "";
  problem.hidden = false;
  state.textContent = "Failed";
}

function clear() {
  answer.replaceChildren();
  problem.hidden = true;
  showHeaders(null);
  for (const name of ["first", "speed", "tokens", "time"]) fact(name, "–");
}

// Events of a stream, as objects; comments, names and the end marker are passed over.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const frames = held.split(/\r?\n\r?\n/);
    held = frames.pop();
    for (const frame of frames) {
      const data = frame
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart())
        .join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

class Meter {
  constructor() {
    this.began = performance.now();
    this.pieces = 0;
    this.tokens = 0;
  }

  piece() {
    this.last = performance.now();
    this.first ??= this.last;
    this.pieces += 1;
  }

  show() {
    const seconds = (from, to) => (to - from) / 1000;
    const count = this.tokens || this.pieces;
    const sign = this.tokens ? "" : "≈ ";
    if (this.first) fact("first", `${seconds(this.began, this.first).toFixed(2)} s`);
    // All in one piece says nothing of the speed between pieces: then the whole time counts.
    const span = this.pieces > 1 ? seconds(this.first, this.last) : seconds(this.began, this.last ?? this.began);
    if (span > 0) fact("speed", `${sign}${(count / span).toFixed(1)}`);
    if (count) fact("tokens", `${sign}${count}`);
    fact("time", `${seconds(this.began, performance.now()).toFixed(2)} s`);
  }
}

function append(text, className) {
  const isAtEnd = answer.scrollHeight - answer.scrollTop - answer.clientHeight < 40;
  let last = answer.lastElementChild;
  if (!last || last.className !== className) {
    last = document.createElement("span");
    last.className = className;
    answer.append(last);
  }
  last.append(text);
  if (isAtEnd) answer.scrollTop = answer.scrollHeight;
}

async function readStream(format, body, meter) {
  for await (const event of events(body)) {
    const seen = FORMATS[format].read(event);
    const error = event.error ?? seen.error;
    if (error) {
      showProblem("", error.type ?? error.code, error.message);
      return false;
    }
    if (seen.thought) append(seen.thought, "thought");
    if (seen.text) append(seen.text, "said");
    if (seen.thought || seen.text) meter.piece();
    if (seen.tokens) meter.tokens = seen.tokens;
    meter.show();
  }
  return true;
}

async function send(format, key, body, signal) {
  const meter = new Meter();
  const reply = await fetch(FORMATS[format].path, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  showHeaders(reply.headers);
  if (!reply.ok) {
    const { error } = await reply.json();
    showProblem(reply.status, error.type, error.message);
    return;
  }
  state.textContent = "Streaming";
  const isWhole = await readStream(format, reply.body, meter);
  meter.show();
  if (isWhole) state.textContent = "Done";
}

async function submit() {
  const fields = form.elements;
  const format = fields.format.value;
  const key = fields.key.value.trim();
  const body = FORMATS[format].body({
    alias: fields.alias.value.trim(),
    prompt: fields.prompt.value,
    max: Number(fields.max.value),
  });
  storeKey(key);
  clear();
  showRequests(format, body);
  running = new AbortController();
  sendButton.disabled = true;
  stopButton.disabled = false;
  state.textContent = "Waiting";
  try {
    await send(format, key, body, running.signal);
  } catch (error) {
    if (error.name === "AbortError") state.textContent = "Stopped";
    else showProblem("", "connection", "The gateway could not be reached, or the connection broke. Try again.");
  } finally {
    running = null;
    sendButton.disabled = false;
    stopButton.disabled = true;
  }
}

// ---------------------------------------------------------------- the form and the tabs

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) submit();
});
stopButton.addEventListener("click", () => running?.abort());
document.querySelector("[data-forget]").addEventListener("click", () => {
  form.elements.key.value = "";
  storeKey("");
  window.site.say("Forgotten");
});
form.elements.key.value = storedKey();
const asked = new URLSearchParams(location.search).get("model");
if (asked) form.elements.alias.value = asked;

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const other of tabs) {
    const isChosen = other === tab;
    other.setAttribute("aria-selected", String(isChosen));
    other.tabIndex = isChosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !isChosen;
  }
}
for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(place + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}
