"""The Vercel AI SDK, unmodified: text, a tool loop and an object, by each package over every upstream format."""

import orjson
import pytest

from fakes.model import Heard, ScriptedModel, Turn
from support.four_formats import ALIASES
from support.installed import Clients
from support.node import node_program
from support.program import Program

PACKAGES = {
    "chat": ("@ai-sdk/openai-compatible", "createOpenAICompatible", "maker(alias)"),
    "messages": ("@ai-sdk/anthropic", "createAnthropic", "maker(alias)"),
    "responses": ("@ai-sdk/openai", "createOpenAI", "maker.responses(alias)"),
}
SCRIPT = """
import { generateText, streamText, generateObject, tool, stepCountIs } from "ai";
import { z } from "zod";
import { MAKE } from "PACKAGE";
const { BASE: baseURL, KEY: apiKey, ALIAS: alias } = process.env;
const maker = MAKE({ name: "gateway", baseURL, apiKey, supportsStructuredOutputs: true });
const usual = { model: MODEL, maxRetries: 0, providerOptions: { openai: { store: false } } };
const weather = tool({ description: "w", inputSchema: z.object({ city: z.string() }), execute: async () => "rain" });
const plain = await generateText({ ...usual, prompt: "Say hello." });
const looped = streamText({ ...usual, prompt: "The weather?", tools: { weather }, stopWhen: stepCountIs(3) });
await looped.consumeStream();
const schema = z.object({ city: z.string() });
const made = await generateObject({ ...usual, prompt: "An object.", schema });
console.log(JSON.stringify([plain.text, await looped.text, made.object, plain.usage.totalTokens]));
"""


def speak(heard: Heard) -> Turn:
    if heard.results:
        return Turn(text=["It is ", "rain." if "rain" in heard.whole else "unknown."])
    if "weather" in heard.tools:
        return Turn(thinking="Let me look.", text=["One moment."], calls=[("weather", {"city": "Oslo"})])
    if "An object." not in heard.whole:
        return Turn(text=["Hel", "lo."])
    if heard.tools:
        return Turn(calls=[(min(heard.tools), {"city": "Oslo"})])
    return Turn(text=['{"city": ', '"Oslo"}'])


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("format_", PACKAGES)
def test_text_a_loop_and_an_object(
    clients: Clients, program: Program, key: str, model: ScriptedModel, format_: str, alias: str
) -> None:
    package, make, chosen = PACKAGES[format_]
    clients.package("ai")
    clients.package(package)
    model.speak = speak
    clients.home.joinpath("node_modules").symlink_to(clients.folder / "node_modules")
    script = clients.home / "script.mjs"
    script.write_text(SCRIPT.replace("MAKE", make).replace("PACKAGE", package).replace("MODEL", chosen))
    done = clients.run([node_program(), str(script)], BASE=program.base_url, KEY=key, ALIAS=alias)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout.splitlines()[-1]) == ["Hello.", "It is rain.", {"city": "Oslo"}, 18]
