"""Every program has a man page that names all of its options, and no other; what `portolan run` passes on is
what the stages take."""

import re
import subprocess

import pytest

from programs import TOP, program

STAGES = ("watcher", "translator", "xds-server", "admin", "supervisor")
# Options of stages that are not for `portolan run`: modes in which a stage is no daemon.
NOT_FOR_RUN = {"once", "read-stream", "write-stream", "write-statuses", "print",
               "print-changes", "full", "explain"}
OWN_OF_RUN = {
    "envoy", "envoy-concurrency", "envoy-log-level", "envoy-bootstrap", "no-screen", "try-file",
    "record", "record-redact",
}


def commands():
    """As portolan help lists them. record becomes portolan-recorder, whose page has its options."""
    done = subprocess.run([program("portolan"), "help"], capture_output=True, text=True, timeout=20)
    return set(re.findall(r"^  ([a-z-]+) {2,}", done.stdout, re.M)) - {"help", "record"}


def options(*command):
    """Of --help."""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^ +(?:-\w, +)?--([a-z-]+)", done.stdout, re.M))


def documented(name):
    text = (TOP / "docs" / "man" / name).read_text().replace(r"\-", "-")
    text = text.split(".SH EXAMPLES")[0]
    return set(re.findall(r"--([a-z][a-z-]+)", text))


def stage_options(stage):
    return options(program(f"portolan-{stage}"))


@pytest.mark.parametrize("stage", (*STAGES, "recorder"))
def test_a_stages_page_names_its_options_and_no_other(stage):
    assert documented(f"portolan-{stage}.8") == stage_options(stage)


def test_the_commands_page_names_the_options_of_all_commands_and_no_other():
    portolan = program("portolan")
    assert documented("portolan.1") == set().union(*(options(portolan, c) for c in commands()))


def test_run_passes_on_every_option_of_the_stages_and_no_other():
    of_stages = set().union(*map(stage_options, STAGES)) - NOT_FOR_RUN
    assert options(program("portolan"), "run") == of_stages | OWN_OF_RUN


@pytest.mark.parametrize("command", [(), ("help",), *((c,) for c in sorted(commands()))])
def test_help_and_misuse_have_their_exit_codes(command):
    portolan = program("portolan")
    helped = subprocess.run([portolan, *command, "--help"], capture_output=True, timeout=20)
    assert (helped.returncode, helped.stderr) == (0, b"")
    if command != ("help",):
        misused = subprocess.run([portolan, *command, "--no-such"], capture_output=True, timeout=20)
        assert (misused.returncode, misused.stdout) == (2, b"")
