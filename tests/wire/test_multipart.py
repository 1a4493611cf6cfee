"""Forms: read as they come, whatever the cuts; written so that another parser reads the same."""

import email.parser
import email.policy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire.multipart import (
    FormError,
    FormPart,
    FormReader,
    boundary_of,
    fields_of,
    is_form,
    text_part,
    write_form,
)

PARTS = [
    text_part("model", "whisper-1"),
    FormPart(name="file", filename='a"b.mp3', content_type="audio/mpeg", pieces=[b"\r\n--x\r", b"\n-", b""]),
    text_part("empty", ""),
    text_part("süß", "Grüße\r\n"),
    FormPart(name="image[]", filename="", pieces=[b"\n--xy--"]),
]


def plain(parts: list[FormPart]) -> list[tuple[str, str | None, str, bytes]]:
    return [(part.name, part.filename, part.content_type, part.data) for part in parts]


def read(pieces: list[bytes], boundary: str = "xy") -> list[FormPart]:
    reader = FormReader(boundary)
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


WIRE = b"preamble\r\n" + b"".join(write_form(PARTS, "xy")) + b"epilogue --xy"
WHOLE = plain(read([WIRE]))


def test_what_is_written_is_read() -> None:
    expected = plain(PARTS)
    expected[1] = ("file", "a%22b.mp3", "audio/mpeg", b"\r\n--x\r\n-")
    assert expected == WHOLE


@given(st.lists(st.integers(0, len(WIRE)), max_size=12))
def test_bytes_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = sorted({0, len(WIRE), *cuts})
    assert plain(read([WIRE[a:b] for a, b in pairwise(edges)])) == WHOLE


def test_bytes_may_come_one_by_one() -> None:
    assert plain(read([WIRE[at : at + 1] for at in range(len(WIRE))])) == WHOLE


@given(st.binary(max_size=300))
def test_any_bytes_are_parts_or_a_form_error(data: bytes) -> None:
    for wire in (data, b"--xy\r\n" + data, b'--xy\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + data):
        try:
            read([wire])
        except FormError:
            continue


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.text(max_size=5), st.binary(max_size=60)), min_size=1))
def test_another_parser_reads_the_same(given_parts: list[tuple[str, str | None, bytes]]) -> None:
    parts = [FormPart(name=f"n{name}", filename=file, pieces=[data]) for name, file, data in given_parts]
    boundary = "boundary0123456789"
    wire = b"".join(write_form(parts, boundary))
    assert [part.data for part in read([wire], boundary)] == [part.data for part in parts]
    head = f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode()
    other = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + wire)
    assert [part.get_payload(decode=True) for part in other.iter_parts()] == [part.data for part in parts]


def test_a_part_may_have_no_content_at_all() -> None:
    head = b'--xy\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    for wire in (head + b"--xy--", head + b"\r\n--xy--"):
        for size in range(1, len(wire)):
            assert plain(read([wire[:size], wire[size:]])) == [("a", None, "", b"")]


def test_the_beginning_of_a_cut_form_is_never_whole() -> None:
    closing = WIRE.index(b"--xy--\r\n", WIRE.index(b"\n--xy--") + 8)
    for size in range(closing + 6):
        with pytest.raises(FormError):
            read([WIRE[:size]])


def test_fields_are_texts_by_name() -> None:
    parts = [
        *PARTS[:2],
        text_part("one[]", "1"),
        text_part("twice", "a"),
        text_part("twice", "b"),
        text_part("twice", "c"),
    ]
    assert fields_of(parts) == {"model": "whisper-1", "one[]": ["1"], "twice": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b;c"', "a b;c"),
        ("multipart/form-data;boundary=----WebKitFormBoundary7MA4", "----WebKitFormBoundary7MA4"),
    ],
)
def test_the_boundary_is_found(content_type: str, boundary: str) -> None:
    assert is_form(content_type)
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_a_type_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(FormError):
        boundary_of(content_type)


def test_a_header_of_a_part_can_t_be_forged() -> None:
    part = FormPart(name='a"\r\nX: 1', filename='b"\r\n\r\nbody', content_type="audio/mpeg", pieces=[b"c"])
    (found,) = read([b"".join(write_form([part], "xy"))])
    assert (found.name, found.filename, found.data) == ("a%22%0D%0AX: 1", "b%22%0D%0A%0D%0Abody", b"c")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('filename="a.mp3"', "a.mp3"),
        ("filename=a.mp3", "a.mp3"),
        ('filename=""', ""),
        ('filename="C:\\temp\\a.mp3"', "C:\\temp\\a.mp3"),
        ('filename="say \\"hi\\".mp3"', 'say "hi".mp3'),
        ("filename*=UTF-8''gr%C3%BC%C3%9F.mp3", "grüß.mp3"),
        ("filename*=nonsense''a.mp3", "a.mp3"),
        ("filename=\"a.mp3\"; filename*=utf-8''b.mp3", "a.mp3"),
    ],
)
def test_file_names_as_clients_write_them(written: str, name: str) -> None:
    wire = f'--xy\r\nContent-Disposition: form-data; name="f"; {written}\r\n\r\nd\r\n--xy--'.encode()
    assert read([wire])[0].filename == name


def test_a_type_that_could_forge_a_header_is_dropped() -> None:
    wire = (
        b'--xy\r\nContent-Disposition: form-data; name="a"; filename="b"\r\nContent-Type: a/b\x01c\r\n\r\nd\r\n--xy--'
    )
    assert plain(read([wire])) == [("a", "b", "", b"d")]
