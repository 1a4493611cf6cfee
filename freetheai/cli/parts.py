"""Everything of an installation that has to be there, each with a way to find out: what the self-check looks at.

Strategy: modules and files are found by looking into our packages, so a new one needs no line here; that none of those
the source has is missing from a build is seen by comparing both lists (`scripts/build`). What is looked up by a name
in a string has a line each from the table that names it.

Rules:
- every module is imported, every script read, every template compiled, every other file opened;
- the matching process is run: it is the one part that has to start itself anew;
- libraries that load parts of themselves at run time do so here once.
"""

import asyncio
import pkgutil
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import adapters
from freetheai.cli import COMMANDS

# Imports every handler in plain sight.
_ROUTES: Final = "handlers.routes"
_PACKAGES: Final = ("freetheai", "handlers", "adapters")
# Begin to work when they are imported.
_PROGRAMS: Final = ("freetheai.__main__", "freetheai.frozen")
_COMPILED: Final = frozenset({".pyc", ".so"})
_TEMPLATES: Final = frozenset({".html", ".xml"})
_LIBRARIES: Final = (
    "pycurl",
    "orjson",
    "motor.motor_asyncio",
    "discord",
    "PIL.Image",
    "PIL._imaging",
    "PIL._imagingft",
)

Part = tuple[str, Callable[[], object]]


def all_parts() -> Iterator[Part]:
    """The name of each part, and what raises when it is not sound."""
    yield "scripts of the limits", _load_scripts
    for family, formats in adapters.FAMILIES.items():
        for format_name in formats:
            yield f"adapter {family}/{format_name}", partial(adapters.find, family, format_name)
    yield "handlers", partial(import_module, _ROUTES)
    for command in COMMANDS:
        yield f"command {command}", partial(_load_command, command)
    for name in module_names():
        yield f"module {name}", partial(import_module, name)
    for package in _PACKAGES:
        for path in data_files(package):
            yield f"file {package}/{path}", partial(_open_file, package, path)
    for library in _LIBRARIES:
        yield f"library {library}", partial(import_module, library)
    yield "certificates", _find_certificates
    yield "moderation worker", _run_worker


def module_names() -> list[str]:
    """All modules of our packages, sorted; a package's own import failing is seen when it is imported."""
    names = set(_PACKAGES)
    for package in _PACKAGES:
        folders = import_module(package).__path__
        found = pkgutil.walk_packages(folders, f"{package}.", onerror=lambda name: None)
        names.update(module.name for module in found)
    return sorted(names - set(_PROGRAMS))


def data_files(package: str) -> list[Path]:
    """The files of ``package`` that are none of its modules, relative to its folder, sorted: examples too, in any
    language.
    """
    folder, modules = _folder_of(package), set(module_names()) | set(_PROGRAMS)
    found = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not _is_code(package, path, modules)]


def _is_code(package: str, path: Path, modules: set[str]) -> bool:
    name = ".".join((package, *path.with_suffix("").parts)).removesuffix(".__init__")
    return path.suffix in _COMPILED or (path.suffix == ".py" and name in modules)


def _folder_of(package: str) -> Path:
    return Path(next(iter(import_module(package).__path__)))


def _open_file(package: str, path: Path) -> None:
    full = _folder_of(package) / path
    content = full.read_bytes()
    if path.suffix in _TEMPLATES:
        # What a template extends and includes is loaded with it, from its own folder or that of all templates.
        loader = import_module("tornado.template").Loader(str(_template_root(full)))
        loader.load(str(full.relative_to(_template_root(full))))
    elif not content and path.name != "py.typed":
        raise ValueError("is empty")


def _template_root(path: Path) -> Path:
    return next((folder for folder in path.parents if folder.name == "templates"), path.parent)


def _load_scripts() -> None:
    # Imported here: where it is what is missing, the others are still looked at.
    scripts = import_module("freetheai.limits.scripts")
    scripts.load_scripts()
    scripts.load_failed_keys_script()
    scripts.load_windows_script()
    scripts.load_live_script()


def _load_command(name: str) -> None:
    if not callable(getattr(import_module(f"freetheai.cli.{name}"), "register", None)):
        raise TypeError("it has no register()")


def _find_certificates() -> None:
    if not ssl.get_default_verify_paths().cafile and not Path("/etc/pki/tls/certs/ca-bundle.crt").is_file():
        raise FileNotFoundError("no file of trusted certificates: install ca-certificates")


def _run_worker() -> None:
    # A thread of its own: the caller's loop runs, and is the caller's.
    thread = import_module("concurrent.futures").ThreadPoolExecutor(1)
    with thread as pool:
        line = pool.submit(asyncio.run, _match()).result()
    if line != 7:
        raise RuntimeError(f"it says {line} where line 7 matches")


async def _match() -> int | None:
    matchers = import_module("freetheai.moderation.matchers")
    patterns = import_module("freetheai.moderation.patterns")
    searching = matchers.Matchers([patterns.Pattern(7, "l.ghthouse")])
    try:
        line: int | None = await searching.find("a lighthouse")
        return line
    finally:
        await searching.close()
