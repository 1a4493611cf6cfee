"""Where the one-file build begins: what it does otherwise than an installation, then the command line as ever.

The build (`scripts/build`, PyInstaller) is two processes: the first unpacks everything into a folder and waits for the
second, which is us.

Rules:
- the unpacked libraries are for us and the scripts of ours that we start, whatever the system has; what those scripts
  start sees the system's;
- who ends the first process ends us, however: a supervisor that kills what it started must find the port free;
- what a first process that was killed has left unpacked is removed by the next start, never what the first process of
  another build is about to remove itself;
- certificates: the system's where they lie, for whatever system the build is running on; else those that came with us;
- nothing is imported before it is known to be needed: a matching process is to start at once.
"""

import contextlib
import ctypes
import fcntl
import os
import runpy
import shutil
import signal
import ssl
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from freetheai.clock import now_s
from freetheai.python_child import RUN_SCRIPT

_PR_SET_PDEATHSIG: Final = 1
# Where systems keep the certificates they trust; the interpreter in the build only knows the place of its own system.
_CA_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat, Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)
_OWN_CA_FILE: Final = "certifi/cacert.pem"
# In each folder of ours: the id of its first process; locked while the second one works there.
_IN_USE: Final = "freetheai-in-use"
# What is unpacked first, so that a folder can be told from other programs' (scripts/freetheai.spec puts it there).
_OURS: Final = "00-freetheai-build"
# Unpacking takes a second or two; whoever is not done after so many seconds has ended.
_UNPACKED_BY_NOW_S: Final = 600.0


def main() -> int:
    """Run a script of ours where the first argument says so, else the command line; returns the exit status."""
    if sys.argv[1:2] == [RUN_SCRIPT]:
        _give_libraries_back()
        _run_script(Path(sys.argv[2]))
        return 0
    _end_with_parent()
    _find_certificates()
    with _in_use(unpacked()):
        _sweep(unpacked())
        return _command_line()


def _command_line() -> int:
    from freetheai.__main__ import main as command_line

    return command_line()


def unpacked() -> Path:
    """The folder into which the build has been unpacked."""
    return Path(str(getattr(sys, "_MEIPASS", "")))


def _run_script(script: Path) -> None:
    # Ours are the ones that were unpacked with us, and no others.
    if unpacked() not in script.parents:
        sys.exit(f"{script} is no part of this program")
    sys.argv[:] = sys.argv[2:]
    runpy.run_path(str(script), run_name="__main__")


def _give_libraries_back() -> None:
    """Undo the library path for our children; the loader has read ours already."""
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if original is not None:
        os.environ["LD_LIBRARY_PATH"] = original
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


def _end_with_parent() -> None:
    """Be told to end when the first process of the build has gone without passing the signal on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


@contextlib.contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    """Mark ``folder`` as in use for as long as this process lives, however it ends."""
    unfinished = folder / f"{_IN_USE}.new"
    with unfinished.open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_SH)
        mark.write(str(os.getppid()))
        mark.flush()
        # There from now on, and locked: nobody sees it without.
        unfinished.rename(folder / _IN_USE)
        yield


def _sweep(ours: Path) -> None:
    """Remove folders like ours that were in use once and are no longer. The place is shared: only our own count."""
    for folder in ours.parent.glob("_MEI*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            if (folder / _IN_USE).exists():
                _remove_unused(folder / _IN_USE)
            elif (folder / _OURS).exists() and now_s() - found.st_mtime > _UNPACKED_BY_NOW_S:
                # Ended in the middle of unpacking.
                shutil.rmtree(folder, ignore_errors=True)


def _remove_unused(mark: Path) -> None:
    descriptor = os.open(mark, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _has_owner(os.read(descriptor, 20)):
            shutil.rmtree(mark.parent, ignore_errors=True)
    finally:
        os.close(descriptor)


def _has_owner(written: bytes) -> bool:
    """Whether the first process of a folder lives: it removes the folder itself, and complains if it is gone."""
    if not written.isdigit() or int(written) == os.getppid():
        return False  # ours has another folder: that one had its number before, as in a container each time
    try:
        os.kill(int(written), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _find_certificates() -> None:
    if ssl.get_default_verify_paths().cafile:
        return
    found = next((path for path in (*_CA_FILES, str(unpacked() / _OWN_CA_FILE)) if Path(path).is_file()), None)
    if found is not None:
        os.environ["SSL_CERT_FILE"] = found


if __name__ == "__main__":
    sys.exit(main())
