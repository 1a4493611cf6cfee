"""Catalog files: what is read, and where a mistake is found."""

import pytest

from freetheai.catalog import CatalogFileError, doubts_of, load_catalog_file, load_catalog_files


def write(tmp_path, text, name="catalog.toml"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_rows_come_as_they_are_written(tmp_path):
    path = write(
        tmp_path,
        """
[[models]]
id = "opc/a"
context_window = 128000
roles = []
fallbacks = ["glm/b"]
enabled = true

[[models]]
id = "glm/b"
""",
    )
    assert load_catalog_file(path) == [
        {"id": "opc/a", "context_window": 128000, "roles": [], "fallbacks": ["glm/b"], "enabled": True},
        {"id": "glm/b"},
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "models = []\n"])
def test_an_empty_catalog_is_one(tmp_path, text):
    assert load_catalog_file(write(tmp_path, text)) == []


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbf[[models]]\r\nid = "a/b"\r\n')
    assert load_catalog_file(path) == [{"id": "a/b"}]


GOOD = '[[models]]\nid = "a/good"\n\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(GOOD + '[[models]]\nid = "a/b"\nctx = 5\n', ":6: ctx: is not a field", id="unknown field"),
        pytest.param(GOOD + '[[models]]\n\nid = "x"\n', ":6: id: must be prefix/name", id="unsound field"),
        pytest.param(GOOD + "[[models]]\nenabled = true\n", ":4: id: is missing", id="no id"),
        pytest.param(GOOD + '[[models]]\nid = "a/good"\n', ":5: id: 'a/good' stands in line 2 already", id="twice"),
        pytest.param('title = "x"\n' + GOOD, ":1: title: a catalog file holds", id="another key"),
        pytest.param(GOOD + "[other]\nx = 1\n", ":4: other: a catalog file holds", id="another table"),
        pytest.param("[models]\nid = 'a/b'\n", ":1: models: must be written as [[models]]", id="one pair of brackets"),
        pytest.param("models = [1]\n", ":1: models: must be", id="no tables"),
        pytest.param('\nmodels = [{id = "x"}]\n', ":2: id: must be prefix/name", id="rows in one line"),
        pytest.param(
            GOOD + '[[models]]\nid = "a/b"\n[models.extra]\nx = 1\n', ":6: extra: is not", id="a table in a row"
        ),
        pytest.param(GOOD + '[[models]]\nid = "a/b"\nextra.x = 1\n', ":6: extra: is not", id="a dotted field"),
        pytest.param('[[models]]\n"id" = "a/b"\n"x y" = 1\n', ":3: x y: is not", id="quoted names"),
        pytest.param(
            '[[models]]\nid = "a/b"\ndescription = """\n[[models]]\nctx = 1\n"""\nctx = 1\n',
            ":7: ctx: is not",
            id="a text that looks like a row",
        ),
        pytest.param('[[models]]\nid = \'a/b\' # """\nctx = 1\n', ":3: ctx: is not", id="quotes in a comment"),
        pytest.param("[[models]]\r\nid = 'a/b'\r\nctx = 1\r\n", ":3: ctx: is not", id="windows line ends"),
        pytest.param('[[models]]\nid = "b"\n', ":2: id: must be prefix/name", id="no prefix"),
        pytest.param(
            '[[models]]\nid = "a/b"\nfallbacks = [\n  "a/c",\n  "a/b",\n]\n',
            ":3: fallbacks: names the model itself",
            id="its own fallback",
        ),
        pytest.param('[[models]]\nid = "a/b"\ncontext_window = "128k"\n', ":3: context_window: must be", id="a text"),
        pytest.param('[[models]]\nid = "a/b"\nprefix = "a"\n', ":3: prefix: is computed", id="computed"),
        pytest.param("[[models]]\nid = \n", ":2: not TOML: Invalid value", id="no TOML"),
        pytest.param('[[models]]\nid = "a', ": not TOML: ", id="no TOML at its end"),
        pytest.param(b"\xff\xfe", ": can't be read: it is not UTF-8", id="not UTF-8"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(CatalogFileError) as caught:
        load_catalog_file(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told_in_the_order_of_the_file(tmp_path):
    path = write(
        tmp_path,
        '[[models]]\nid = "a/b"\nctx = 1\nroles = "vip"\n\n'
        '[[models]]\nid = "a/b"\nenabled = 1\n\n[[models]]\nroles = []\n',
    )
    with pytest.raises(CatalogFileError) as caught:
        load_catalog_file(path)
    assert [mistake.removeprefix(str(path)) for mistake in caught.value.mistakes] == [
        ":3: ctx: is not a field of a model",
        ":4: roles: must be a list of at most 100",
        ":8: enabled: must be true or false",
        ":7: id: 'a/b' stands in line 2 already",
        ":10: id: is missing",
    ]
    assert str(caught.value) == caught.value.mistakes[0]


def test_what_may_be_right_is_only_told(tmp_path):
    path = write(tmp_path, '[[models]]\nid = "a/one"\nfallbacks = ["a/two", "b/tree"]\n\n[[models]]\nid = "a/two"\n')
    rows = load_catalog_file(path)
    assert doubts_of(path, rows, {"a/one", "a/two", "b/tree"}, {"a"}) == []
    assert doubts_of(path, rows, {"a/one", "a/two", "b/three"}, {"b"}) == [
        f"{path}:2: id: no provider is configured for the prefix a",
        f"{path}:3: fallbacks: 'b/tree' is no model, here or in the catalog, and is passed over"
        " (did you mean 'b/three'?)",
    ]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CatalogFileError, match="can't be read: No such file"):
        load_catalog_file(tmp_path / "none.toml")


def test_several_files_are_one_catalog_in_which_an_alias_stands_once(tmp_path):
    first = write(tmp_path, '[[models]]\nid = "a/one"\n', "first.toml")
    second = write(tmp_path, '[[models]]\nid = "a/two"\n', "second.toml")
    assert [row["id"] for row in load_catalog_files([first, second])] == ["a/one", "a/two"]
    with pytest.raises(CatalogFileError, match=r"third.toml: id: 'a/one' stands in .*first.toml too"):
        load_catalog_files([first, write(tmp_path, '[[models]]\nid = "a/one"\n', "third.toml")])
