"""The defences of compiler and linker, in each program that is installed; and none of a stage's memory on a
disk."""

import functools
import os
import pathlib
import platform
import re
import resource
import signal
import subprocess
import tempfile

import pytest

from programs import BUILD, SANITIZED, TOP
from stage import Stage, XdsServer

MAKEFILE = dict(re.findall(r"^(\w+) = *(.*)$", (BUILD / "Makefile").read_text(), re.M))
RULES = "".join(p.read_text() for p in TOP.glob("*/local.mk"))
PROGRAMS = re.findall(r"^(?:bin|pkglibexec)_PROGRAMS \+= (\S+)", RULES, re.M)
# A flag that configure must find, and its trace in a program.
COMPILER = ["-fstack-protector-strong", "-fstack-clash-protection"]
if platform.machine() == "x86_64":
    COMPILER.append("-fcf-protection")
LINKER = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]

hardened = pytest.mark.skipif(not MAKEFILE.get("HARDENING_CFLAGS", "").strip(),
                              reason="configured with --disable-hardening")


@functools.cache
def elf(program, option):
    return subprocess.run(["readelf", "--wide", option, BUILD / program], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@hardened
def test_configure_finds_all_that_a_compiler_of_today_has():
    found = MAKEFILE["HARDENING_CFLAGS"].split()
    assert [f for f in COMPILER if f not in found] == []
    assert [f for f in LINKER if f not in MAKEFILE["HARDENING_LDFLAGS"].split()] == []
    fortified = [f for f in found if f.startswith("-D_FORTIFY_SOURCE=")]
    assert fortified == ([] if SANITIZED else ["-D_FORTIFY_SOURCE=3"])


def test_the_list_of_programs_is_whole():
    assert len(PROGRAMS) >= 7 and "portolan/portolan" in PROGRAMS


@hardened
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_placed_at_random_and_its_tables_are_read_only(program):
    dynamic = elf(program, "--dynamic")
    assert re.search(r"Type:\s+DYN", elf(program, "--file-header"))
    assert re.search(r"FLAGS_1.*\bNOW\b.*\bPIE\b", dynamic)
    assert "GNU_RELRO" in elf(program, "--program-headers")
    assert not re.search(r"RPATH|RUNPATH|TEXTREL", dynamic)


@hardened
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_memory_of_a_program_is_both_written_and_executed(program):
    segments = re.findall(r"^  (\w+)\s+0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ (.{3})", elf(program, "--program-headers"), re.M)
    assert ("GNU_STACK", "RW ") in segments
    assert [s for s in segments if "W" in s[1] and "E" in s[1]] == []


@hardened
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_checks_its_stack_and_its_buffers(program):
    symbols = elf(program, "--syms")
    assert "__stack_chk_fail" in symbols
    assert SANITIZED or re.search(r"__\w+_chk\b", symbols)


@hardened
@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own objects are linked in")
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_file_of_a_program_was_compiled_with_the_defences(program):
    units = re.findall(r"GNU C\S* \d.*", subprocess.run(
        ["readelf", "--string-dump=.debug_str", BUILD / program], text=True, check=True,
        stdout=subprocess.PIPE).stdout)
    if not units:
        pytest.skip("no debug information of gcc's in this build")
    assert [u for u in units for flag in COMPILER if flag not in u] == []


def test_the_defences_can_be_left_out(tmp_path):
    """configure alone: make would use its output."""
    subprocess.run([TOP / "configure", "--silent", "--disable-hardening", "--disable-dependency-tracking"],
                   cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "Makefile").read_text()
    assert re.search(r"^HARDENING_CFLAGS = *$", made, re.M)
    assert re.search(r"^HARDENING_LDFLAGS = *$", made, re.M)


# ---- core dumps ----


def dumped_core(name, *options):
    """Whether SIGABRT leaves a core dump of this stage, if only the stage itself forbids it."""
    with tempfile.TemporaryDirectory(prefix="portolan-test-") as folder:
        folder = pathlib.Path(folder)
        (folder / "run").mkdir(mode=0o700)
        make = XdsServer if name == "xds-server" else functools.partial(Stage, name)
        words = {"recorder": [folder / "recording"], "admin": ["--admin-address", "127.0.0.1:0"],
                 "watcher": ["--manifests", folder], "supervisor": ["--", "true", "/bin/true"]}
        stage = make(folder / "run", *options, *words.get(name, []))
        here, limits = os.getcwd(), resource.getrlimit(resource.RLIMIT_CORE)
        try:
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
            stage.start(ready=False)
        finally:
            os.chdir(here)
            resource.setrlimit(resource.RLIMIT_CORE, limits)
        os.kill(stage.process.pid, signal.SIGABRT)
        _, status = os.waitpid(stage.process.pid, 0)
        stage.process = None
        stage.close()
        assert os.WIFSIGNALED(status)
        return os.WCOREDUMP(status)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has to read the memory from outside")
@pytest.mark.parametrize("name", ["watcher", "translator", "xds-server", "admin", "recorder", "supervisor"])
def test_a_stage_that_crashes_leaves_no_memory_on_a_disk(name):
    if not dumped_core(name, "--core-dumps"):
        pytest.skip("no process dumps core here")
    assert not dumped_core(name)
