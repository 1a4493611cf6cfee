"""The part of `doctor` that asks the providers: whether each is there and takes all of our keys.

Strategy: the list of models is the cheapest call there is. It is asked for once with each key, in the way the
provider's adapter sends keys, and what a refusal means is judged by the adapter's own codes (some refuse a key with
400, or with 200). Some providers show their list to everybody: it is asked for without a key, too, before keys are
called good.

Rules:
- a key is named by its place in the configuration, never shown;
- what no key can change (nobody there, no list, in trouble) is said once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters import UnknownAdapterError
from adapters.base import Adapter, Verdict, credential_headers, joined_url
from adapters.classify import classify
from freetheai import clock, errors
from freetheai.cli.finding import Finding
from freetheai.config import ProviderSettings, Settings
from freetheai.providers import Provider
from freetheai.upstream import Answer, CallTimeouts, ResponseHead, Upstream, UpstreamCall
from freetheai.wire.error_body import failure_from, is_error_body, read_error
from freetheai.wire.jsontext import try_loads
from freetheai.wire.request import ChatRequest

_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_TIMEOUTS: Final = CallTimeouts(connect_s=5, first_byte_s=10, idle_s=10, total_s=20)
# Providers that demand a conversation's id get one that is nobody's.
_CONVERSATION: Final = "0" * 32
_SILENCE: Final[Mapping[str, str]] = {
    "refused": "nobody answers there: no such host, no connection, or no trust in its certificate",
    "timeout": "does not answer in time",
    "reset": "breaks off without an answer",
}
_NO_REQUEST: Final = ChatRequest(format="chat", body={}, model="")


async def check_providers(settings: Settings) -> list[Finding]:
    """Findings of all providers, in their order."""
    if not settings.providers:
        return [Finding("providers", "ok", "none configured: the local model serves")]
    upstream = Upstream()
    try:
        found = await asyncio.gather(
            *(check_provider(upstream, prefix, provider) for prefix, provider in settings.providers.items())
        )
    finally:
        upstream.close()
    return [finding for findings in found for finding in findings]


async def check_provider(upstream: Upstream, prefix: str, settings: ProviderSettings) -> list[Finding]:
    """One provider: its adapter exists, it answers, it takes each of its keys."""
    try:
        # One that is used for media alone is asked in its family's way of generating.
        adapter = Provider(prefix, settings).adapter_for("") or Provider(prefix, _whole(settings)).adapter_for("")
    except UnknownAdapterError as error:
        return [Finding(f"provider {prefix}", "error", str(error), f"mend [providers.{prefix}] adapter or formats")]
    if adapter is None:
        return [Finding(f"provider {prefix}", "warning", "speaks no format that can be asked for models")]
    return await _Check(upstream, prefix, settings, adapter).run()


def _whole(settings: ProviderSettings) -> ProviderSettings:
    return replace(settings, formats=())


class _Check:
    """The calls to one provider and what is made of their answers."""

    def __init__(self, upstream: Upstream, prefix: str, settings: ProviderSettings, adapter: Adapter) -> None:
        self._upstream = upstream
        self._prefix = prefix
        self._name = f"provider {prefix}"
        self._adapter = adapter
        self._keys = [key.reveal() for key in settings.api_keys]
        path = "/v1/models" if adapter.upstream.name == "messages" else "/models"
        self._url = joined_url(settings.base_url, path)

    async def run(self) -> list[Finding]:
        if not self._keys:
            answer = await self._ask("")
            return [self._common(answer) or self._without_keys(answer)]
        findings: list[Finding] = []
        for number, key in enumerate(self._keys, 1):
            answer = await self._ask(key)
            if (common := self._common(answer)) is not None:
                return [*findings, common]
            findings.append(self._judge_key(self._name_of(number), answer))
        if all(finding.state == "ok" for finding in findings) and self._is_good(await self._ask("")):
            return [
                Finding(self._name, "ok", f"answers; shows its models without a key, so {self._counted()} not tried")
            ]
        return findings

    async def _ask(self, key: str) -> Answer:
        extra = self._adapter.headers(_NO_REQUEST, _CONVERSATION)
        headers = [*credential_headers(self._adapter.auth, key), *(f"{name}: {value}" for name, value in extra.items())]
        call = UpstreamCall(method="GET", url=self._url, headers=headers, timeouts=_TIMEOUTS)
        return await self._upstream.fetch(call, _MAX_ANSWER_BYTES)

    def _common(self, answer: Answer) -> Finding | None:
        """What has nothing to do with the key; None if the answer says something of it."""
        if not isinstance(answer.head, ResponseHead):
            kind = answer.end.failure.kind if answer.end.failure else "reset"
            return self._finding("error", _SILENCE.get(kind, _SILENCE["reset"]), "base_url, and the network")
        status = answer.head.status
        if status == 404:
            keys = f"; {self._counted()} not tried" if self._keys else ""
            return Finding(
                self._name, "warning", f"answers, but has no list of models{keys}", "nothing, if requests work"
            )
        if 300 <= status < 400:
            return self._finding("error", f"has moved (HTTP {status}); redirects are not followed", "base_url")
        if self._is_good(answer):
            return None
        verdict = self._verdict(answer)
        if verdict.scope == "provider":
            return self._finding("error", f"keeps this machine out (HTTP {status})", "base_url, and the network")
        if verdict.scope == "key" or status in (401, 403, 429):
            return None
        if status >= 500:
            return Finding(self._name, "warning", f"is in trouble (HTTP {status})", "wait, then try again")
        return self._finding("warning", f"refuses the question (HTTP {status})", "base_url and adapter")

    def _judge_key(self, name: str, answer: Answer) -> Finding:
        if self._is_good(answer):
            return Finding(name, "ok", "the key is taken")
        verdict, status = self._verdict(answer), answer.head.status if answer.head else 0
        wait = f" for {verdict.retry_after_s:.0f} s" if verdict.retry_after_s else ""
        if verdict.is_window:
            return Finding(name, "warning", f"the plan's quota is used up{wait}", "wait, or add a key of another plan")
        if verdict.row is errors.RATE_LIMIT:
            return Finding(name, "warning", f"the key is limited{wait}", "wait, or add another key")
        return Finding(
            name,
            "error",
            f"the key is refused (HTTP {status})",
            f"check it in [providers.{self._prefix}] api_keys, and the account behind it: balance, plan, region",
        )

    def _without_keys(self, answer: Answer) -> Finding:
        if self._is_good(answer):
            return Finding(self._name, "ok", "answers; no key is configured")
        status = answer.head.status if answer.head else 0
        return self._finding("error", f"wants a key (HTTP {status}), none is configured", "api_keys")

    def _is_good(self, answer: Answer) -> bool:
        if answer.head is None or not 200 <= answer.head.status < 300:
            return False
        body = try_loads(answer.body)
        return not (isinstance(body, dict) and is_error_body(body))

    def _verdict(self, answer: Answer) -> Verdict:
        head = answer.head
        failure = failure_from(
            read_error(answer.body),
            phase="headers",
            status=head.status if head else 0,
            headers=head.headers if head else {},
        )
        return classify(failure, self._adapter.codes, clock.now_s())

    def _finding(self, state: str, detail: str, entries: str) -> Finding:
        return Finding(self._name, state, detail, f"check [providers.{self._prefix}] {entries}")

    def _name_of(self, number: int) -> str:
        return self._name if len(self._keys) == 1 else f"{self._name}, key {number} of {len(self._keys)}"

    def _counted(self) -> str:
        return "its key was" if len(self._keys) == 1 else f"its {len(self._keys)} keys were"
