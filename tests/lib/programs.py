"""The places of this checkout and its build, and other programs that the tests run."""

import functools
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PORTOLAN_BUILD") or TOP / "build").resolve()
CI = os.environ.get("CI") == "true"
SANITIZED = any(
    "-fsanitize=" in line
    for line in (BUILD / "Makefile").read_text().splitlines()
    if line.startswith("SANITIZE_FLAGS")
) if (BUILD / "Makefile").exists() else False


def missing(what):
    """Skips the test, or fails it where CI promises that nothing is missing."""
    if CI:
        pytest.fail(what)
    pytest.skip(what)


@functools.cache
def program(name):
    """The built program, wherever its folder puts it."""
    for folder in (".", name.removeprefix("portolan-"), "portolan"):
        path = BUILD / folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    pytest.fail(f"{name} is not built in {BUILD}")


@functools.cache
def venv(what):
    run = [TOP / "scripts" / "venv", "--print", what]
    done = subprocess.run(run, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        missing(f"no {what}: {done.stderr.strip()}")
    return done.stdout.strip()
