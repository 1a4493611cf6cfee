"""What counts as written by a person, in any language; and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.written_text import one_line, what_is_wrong

WRITTEN = [
    "I lost my key when my laptop broke",
    "leaked on github by accident",
    "My key was posted in a screenshot, sorry.",
    "roleplay with SillyTavern and coding",
    "someone else saw it",
    "deleted my .env file",
    "typewriter power property queries for my poetry",
    "My roommate saw the key over my shoulder!!!",
    "Ich habe meinen Schlüssel verloren",
    "zgubiłem klucz po formacie dysku",
    "tôi bị mất khóa",
    "Mi clave se filtró en un repositorio",
    "Потерял ключ после переустановки системы",
    "نسيت المفتاح الخاص بي",
    "我的电脑坏了所以密钥丢了",
    "鍵をなくしました",
    "키를 잃어버렸어요 다시 주세요",
]
NOT_WRITTEN = {
    "": "too short",
    "lost": "too short",
    "new key": "too short",
    "....................": "too short",
    "aaaaaaaaaaaaaaaaaaa": "repeats",
    "asdfasdfasdfasdf": "repeats",
    "abcabcabcabcabcabc": "repeats",
    "test test test test": "repeats",
    "please please please please": "repeats",
    "give key give key give key": "repeats",
    "qqqqwwwweeeerrrr": "repeats",
    "啊啊啊啊啊啊啊": "repeats",
    "a b c d e f g h i j k l m n": "repeats",
    "qwertyuiop qwertyuiop": "like words",
    "lkjhgfdsa poiuytrewq": "like words",
    "asdkjfh askdjfh kasjdhf kjashdf": "like words",
    "jfkdls;a fjdksl;a jfkdls": "like words",
    "xcvbxcvb nmxcvb": "like words",
    "1234567890 1234567890": "like words",
    "йцукенгшщз фывапролдж": "like words",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_ordinary_sentences_pass(text):
    assert what_is_wrong(text) == ""


@pytest.mark.parametrize("text", NOT_WRITTEN, ids=repr)
def test_what_costs_no_thought_is_refused_with_the_reason(text):
    assert NOT_WRITTEN[text] in what_is_wrong(text)


@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text):
    assert isinstance(what_is_wrong(text), str)


@given(st.text(max_size=400), st.integers(1, 50))
def test_one_line_is_one_line(text, most):
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()
    assert line == line.strip()


def test_what_is_kept_reads_as_it_was_written():
    assert one_line("  two\n lines\twith\u200b  gaps ", 100) == "two lines with gaps"
