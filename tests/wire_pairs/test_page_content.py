"""Rows of ``docs/translation.md`` on content and history: each test shows the row of its name."""

import orjson

from freetheai.wire.formats import Quirks
from support.bodies import PNG, Json, body, built, history, others, refused, said, text
from support.pairs import CLIENTS, UPSTREAMS


def test_image_model():
    blind = {"supports_image_input": False, "supports_audio": False, "supports_files": False}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    sound = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}}
    for upstream in UPSTREAMS:
        for part, kind in ((image, "image"), (sound, "audio"), (file, "document")):
            assert refused("chat", upstream, said("chat", part), **blind).startswith(f"{kind} input is not supported")
    shown = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "shot", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": shown}]},
    ]
    for upstream in UPSTREAMS:
        sent = text(built("messages", upstream, body("messages", messages=turns), **blind))
        assert "this model can't read images" in sent
        assert PNG not in sent


def test_unknown_block():
    for client in ("chat", "messages"):
        sent = said(client, {"type": "video_url", "video_url": {"url": "https://x.example/v"}})
        assert "video_url" in text(built(client, client, sent))
        for upstream in others(client):
            assert refused(client, upstream, sent).startswith("video_url input is not supported")
    odd = said("responses", {"type": "video_url"})
    assert refused("responses", "chat", odd).startswith("unsupported responses input shape")


def test_sound():
    part = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    for client in ("chat", "responses"):
        assert refused(client, "messages", said(client, part)).startswith("audio input is not supported")
        for upstream in ("chat", "responses", "gemini"):
            assert "QUJD" in text(built(client, upstream, said(client, part)))


def test_file_ids():
    parts = {
        "chat": {"type": "file", "file": {"file_id": "file_1"}},
        "messages": {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        "responses": {"type": "input_file", "file_id": "file_1"},
    }
    for client, part in parts.items():
        assert "file ids are not supported" in refused(client, client, said(client, part))


def test_text_documents():
    source = {"type": "text", "media_type": "text/plain", "data": "All of it."}
    block = {"type": "document", "title": "notes", "source": source}
    for upstream in others("messages"):
        assert "[notes]\\nAll of it." in text(built("messages", upstream, said("messages", block)))


def test_result_images():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "shot", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}]},
    ]
    sent = built("messages", "chat", body("messages", messages=turns))["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]
    assert sent[-1]["content"][-1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    items = built("messages", "responses", body("messages", messages=turns))["input"]
    assert items[-1]["output"][0]["type"] == "input_image"
    source = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    turns[2]["content"][0]["content"] = [image, {"type": "document", "source": source}]
    behind = built("messages", "chat", body("messages", messages=turns))["messages"][-1]["content"]
    assert [part["type"] for part in behind] == ["text", "image_url", "file"]
    # Of several parts only those that the model reads are shown.
    for reads, kind in ((True, "input_image"), (False, "input_text")):
        sent = built("messages", "responses", body("messages", messages=turns), supports_image_input=reads)
        assert [part["type"] for part in sent["input"][-1]["output"]] == [kind, "input_file"]
    sound = [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}]
    told = body("chat", messages=history(result=sound))
    for upstream in UPSTREAMS:
        assert ("QUJD" in text(built("chat", upstream, told))) == (upstream in ("chat", "gemini"))


def test_earlier_images():
    url = f"data:image/png;base64,{PNG}"
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    made = [{"type": "image_url", "image_url": {"url": url}}, {"image_url": 5}, None]
    user = {"role": "user", "content": "Hi"}
    turns: Json = {
        "chat": [user, {"role": "assistant", "content": "One.", "images": made}, user],
        "messages": [user, {"role": "assistant", "content": [{"type": "text", "text": "One."}, image]}, user],
        "responses": [
            user,
            {"role": "assistant", "content": "One."},
            {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG},
            user,
        ],
    }
    for client, found in turns.items():
        sent = body(client, **{"input" if client == "responses" else "messages": found})
        parts = built(client, "gemini", sent)["contents"][1]["parts"]
        assert [next(iter(part)) for part in parts] == ["text", "inlineData"]
        for upstream in others(client):
            # Nobody can take an earlier answer back: a model that reads no images gets none, and no 400.
            told = text(built(client, upstream, sent, supports_image_input=upstream == "gemini"))
            assert (PNG in told) == (upstream == "gemini")
            assert ("[image" in told) == (upstream != "gemini")
    assert PNG not in text(built("chat", "chat", body("chat", messages=turns["chat"])))


def test_earlier_sound():
    turns = [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}, {"role": "user", "content": "Hi"}]
    for upstream in UPSTREAMS:
        assert "audio_1" not in text(built("chat", upstream, body("chat", messages=turns)))


def test_system_media():
    url = f"data:image/png;base64,{PNG}"
    in_chat = [{"type": "text", "text": "Rules"}, {"type": "image_url", "image_url": {"url": url}}]
    in_responses = [{"type": "input_text", "text": "Rules"}, {"type": "input_image", "image_url": url}]
    user = {"role": "user", "content": "Hi"}
    for client, name, content in (("chat", "messages", in_chat), ("responses", "input", in_responses)):
        system = {"role": "developer", "content": content}
        for turns in ([system, user], [user, {"role": "assistant", "content": "One."}, system, user]):
            for upstream in others(client):
                sent = text(built(client, upstream, body(client, **{name: turns})))
                assert sent.count(PNG) == sent.count("Rules") == 1
            refused(client, "messages", body(client, **{name: turns}), supports_image_input=False)


def test_caching_hints():
    hint = {"cache_control": {"type": "ephemeral"}}
    sent = said("messages", {"type": "text", "text": "Hi", **hint})
    for upstream in others("messages"):
        assert "cache_control" not in text(built("messages", upstream, sent))
    assert "cache_control" in text(built("chat", "messages", said("chat", {"type": "text", "text": "Hi", **hint})))


def test_system_in_the_middle():
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "system", "content": "It is night."},
        {"role": "user", "content": "And?"},
    ]
    sent = body("chat", messages=turns)
    for upstream in ("messages", "gemini"):
        assert "<system>\\nIt is night.\\n</system>" in text(built("chat", upstream, sent))
    wrapped = built("chat", "chat", sent, Quirks(system_first_only=True))["messages"]
    assert wrapped[2] == {"role": "user", "content": "<system>\nIt is night.\n</system>"}
    for upstream in ("chat", "responses"):
        assert "<system>" not in text(built("chat", upstream, sent))


def test_carried_on():
    turns = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One, "}]
    kept = built("chat", "messages", body("chat", messages=turns))["messages"]
    assert kept[-1]["content"] == [{"type": "text", "text": "One,"}]
    added = built("chat", "messages", body("chat", messages=turns), model="claude-opus-4-7")["messages"]
    assert added[-1] == {"role": "user", "content": [{"type": "text", "text": "Continue."}]}


def test_no_messages():
    for client in CLIENTS:
        prompt = "input" if client == "responses" else "messages"
        for upstream in UPSTREAMS:
            assert refused(client, upstream, body(client, **{prompt: []})).startswith("missing prompt")


def test_orphans():
    first, call, result = history()
    without_result = body("chat", messages=[first, call, {"role": "user", "content": "Well?"}])
    without_call = body("chat", messages=[first, result])
    twice = body("chat", messages=[first, call, result, {**result, "content": "again"}])
    for upstream in UPSTREAMS:
        assert "no result" in text(built("chat", upstream, without_result))
        for sent in (without_call, twice):
            assert "[result of an earlier tool call]" in text(built("chat", upstream, sent))


def test_broken_arguments():
    given = {"": {}, "[1]": {"value": [1]}, '{"a":[1,{"b":"x': {"a": [1, {"b": "x"}]}, "oops": {"_raw": "oops"}}
    for arguments, read in given.items():
        sent = body("chat", messages=history(arguments))
        assert built("chat", "messages", sent)["messages"][1]["content"][0]["input"] == read
        assert built("chat", "gemini", sent)["contents"][1]["parts"][0]["functionCall"]["args"] == read
        assert built("chat", "responses", sent)["input"][1]["arguments"] == (arguments or "{}")


def test_roles():
    for client in CLIENTS:
        prompt = "input" if client == "responses" else "messages"
        for name in ("model", "bot", "ai"):
            turns = [{"role": "user", "content": "Hi"}, {"role": name, "content": "Yes"}]
            asked = CLIENTS[client].parse(orjson.dumps(body(client, **{prompt: turns})))
            assert asked.turns[1].role == "assistant"
        assert "role" in refused(client, client, body(client, **{prompt: [{"role": "narrator", "content": "x"}]}))
