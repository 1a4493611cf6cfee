"""`scripts/soak` finds what grows, and only that."""

import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.soaking.judgement import judge
from scripts.soaking.look import Look
from support.house import ROOT

SOUND = Look(
    minutes=1.0, requests=100, memory_mb=100.0, handles=30, sockets=20, threads=10, tasks=14, leases=0, streams=0
)
WAVES = [0, 3, -2, 4, 1, -3, 2, 0, 3, -1, 2, 1]


def test_what_only_rises_and_falls_is_sound():
    looks = [replace(SOUND, memory_mb=100.0 + wave, handles=30 + wave, tasks=14 + wave) for wave in WAVES]
    assert judge(looks) == []


def test_warming_up_is_no_growth():
    looks = [replace(SOUND, memory_mb=100.0 + 10 * min(number, 4), handles=30 + min(number, 4)) for number in range(12)]
    assert judge(looks) == []


@pytest.mark.parametrize("name", ["handles", "sockets", "threads", "tasks", "memory_mb"])
def test_what_grows_is_named(name):
    looks = [replace(SOUND, **{name: getattr(SOUND, name) + 4 * number}) for number in range(12)]
    (complaint,) = judge(looks)
    assert complaint.startswith(f"{name}: from ")


@pytest.mark.parametrize("name", ["leases", "streams"])
def test_what_is_left_over_once_is_enough(name):
    looks = [replace(SOUND, **{name: int(number == 5)}) for number in range(12)]
    assert judge(looks) == [f"{name} were left after 1.0 minutes: 1"]


def test_too_few_looks_tell_nothing():
    assert judge([SOUND] * 3) == ["only 3 looks: too few to tell"]


@pytest.mark.slow
def test_a_minute_of_it():
    command = [sys.executable, "-m", "scripts.soaking", "--minutes", "0.6", "--clients", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("ok      nothing grew")
