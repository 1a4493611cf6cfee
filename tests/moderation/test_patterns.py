"""The file of patterns: what is taken, what is a mistake."""

import pytest

from freetheai.moderation.patterns import Pattern, PatternsError, load_patterns


def test_one_pattern_a_line_with_comments_and_empty_lines(tmp_path):
    file = tmp_path / "patterns.txt"
    file.write_bytes("\ufeff# first\n\n  bad\\s+word  \r\n#x\n\\#hash\nn\u00e9\n".encode())
    assert load_patterns(file) == (Pattern(3, "bad\\s+word"), Pattern(5, "\\#hash"), Pattern(6, "n\u00e9"))


def test_a_file_of_comments_has_none(tmp_path):
    file = tmp_path / "patterns.txt"
    file.write_text("# nothing yet\n")
    assert load_patterns(file) == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"good\n(bad\n", "line 2: is no regular expression", id="no expression"),
        pytest.param(b"x{99999999999999}\n", "line 1: is no regular expression", id="a number too large"),
        pytest.param(b"\n\na*\n", "line 3: matches the empty text", id="matches everything"),
        pytest.param(b"caf\xe9\n", "is not UTF-8", id="another encoding"),
        pytest.param(None, "No such file", id="no file"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, content, reason):
    file = tmp_path / "patterns.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PatternsError, match=reason) as mistake:
        load_patterns(file)
    assert str(file) in str(mistake.value)
    assert "\n" not in str(mistake.value)
