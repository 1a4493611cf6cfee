"""Transcripts written in every form, and words gathered to subtitles."""

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire.audio.cues import MAX_CUE_CHARS, MAX_CUE_S, Cue, cues_of_words, srt, vtt
from freetheai.wire.audio.transcripts import Transcript, TranscriptionRequest, read_transcription, read_verbose, write


def words(*entries: tuple[str, float, float]) -> list[Cue]:
    return [Cue(text=text, start_s=start, end_s=end) for text, start, end in entries]


def asked(response_format: str = "json", *granularities: str, wants_events: bool = False) -> TranscriptionRequest:
    return TranscriptionRequest(response_format=response_format, granularities=granularities, wants_events=wants_events)


def test_a_cue_ends_with_a_sentence_a_pause_and_another_speaker() -> None:
    spoken = [
        *words(("One.", 0, 1), ("Two", 1, 2), ("three", 2, 3), ("later", 5, 6)),
        Cue(text="other", start_s=6, end_s=7, speaker="B"),
    ]
    assert [cue.text for cue in cues_of_words(spoken)] == ["One.", "Two three", "later", "other"]


def test_a_cue_is_never_too_long_to_read() -> None:
    slow = words(*((f"w{number}", number, number + 0.9) for number in range(40)))
    fast = words(*(("syllables" * 2, number / 10, number / 10 + 0.1) for number in range(40)))
    for spoken in (slow, fast):
        cues = cues_of_words(spoken)
        assert all(cue.end_s - cue.start_s <= MAX_CUE_S and len(cue.text) <= MAX_CUE_CHARS for cue in cues)
        assert " ".join(cue.text for cue in cues) == " ".join(word.text for word in spoken)


def test_times_are_written_whole() -> None:
    cues = words(("late", 3661.0004, 3661.9996))
    assert srt(cues) == "1\n01:01:01,000 --> 01:01:02,000\nlate\n\n"
    assert vtt(cues) == "WEBVTT\n\n01:01:01.000 --> 01:01:02.000\nlate\n\n"


def test_text_can_t_break_a_subtitle() -> None:
    (cue,) = words(("a\n\n\nb --> c", 0, 1))
    assert srt([cue]).count("\n\n") == 1
    assert "-->" not in vtt([cue]).split("\n", 3)[3]


@pytest.mark.parametrize(
    "entry",
    [
        {"word": "a"},
        {"word": "a", "start": None, "end": 1},
        {"word": "a", "start": True, "end": 1},
        {"word": "a", "start": -1, "end": 1},
        {"word": "a", "start": float("inf"), "end": 1},
        {"word": " ", "start": 0, "end": 1},
        {"start": 0, "end": 1},
        "a",
        None,
    ],
)
def test_entries_that_are_none_are_passed_over(entry: object) -> None:
    assert read_verbose({"text": "a", "words": [entry, {"text": "b", "start": "0.5", "end": 0.2}]}).words == [
        Cue(text="b", start_s=0.5, end_s=0.5)
    ]


def test_silence_has_empty_subtitles() -> None:
    assert write(Transcript(text=""), asked("srt")) == (b"", "text/plain; charset=utf-8")
    assert write(Transcript(text=""), asked("vtt"))[0] == b"WEBVTT\n\n"


def test_speakers_nobody_told_apart_are_refused() -> None:
    with pytest.raises(ApiError, match="diarized_json"):
        write(Transcript(text="a", words=words(("a", 0, 1))), asked("diarized_json"))


def test_the_default_granularity_is_segments() -> None:
    transcript = Transcript(text="a b", words=words(("a", 0, 1), ("b", 1, 2)), duration_s=1.2)
    plain = orjson.loads(write(transcript, asked("verbose_json"))[0])
    assert [segment["text"] for segment in plain["segments"]] == ["a b"]
    assert "words" not in plain
    assert plain["usage"] == {"type": "duration", "seconds": 2}
    both = orjson.loads(write(transcript, asked("verbose_json", "word", "segment"))[0])
    assert len(both["words"]) == 2
    assert len(both["segments"]) == 1


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, asked()),
        ({"stream": "True"}, asked(wants_events=True)),
        ({"stream": "false", "response_format": "vtt"}, asked("vtt")),
        ({"timestamp_granularities[]": ["word"]}, asked("json", "word")),
        ({"timestamp_granularities": "segment"}, asked("json", "segment")),
    ],
)
def test_a_form_is_read(form: dict[str, object], expected: TranscriptionRequest) -> None:
    assert read_transcription(form) == expected


@pytest.mark.parametrize("form", [{"response_format": "mp3"}, {"response_format": ["json", "text"]}, {"stream": "si"}])
def test_a_bad_form_is_refused(form: dict[str, object]) -> None:
    with pytest.raises(ApiError):
        read_transcription(form)
