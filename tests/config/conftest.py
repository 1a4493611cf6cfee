"""What the tests of the configuration share: a folder with a file in it, and the reading of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from freetheai.config import Settings, load_settings


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Read ``text`` as `freetheai.toml` of an otherwise empty working directory, under an environment given whole."""
    monkeypatch.chdir(tmp_path)

    def read(text: str | None = None, **environ: str) -> Settings:
        if text is not None:
            (tmp_path / "freetheai.toml").write_text(text, encoding="utf-8")
        return load_settings(None, environ)

    return read
