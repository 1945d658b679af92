"""The commands in the documents are there: each program, subcommand, option and script by its name."""

import functools
import re
import subprocess

import pytest

from programs import TOP, program

DOCUMENTS = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md"), *(TOP / "examples").rglob("*.md")])
# Where a command begins in code: at its start, or behind a prompt, a pipe, another command or sudo.
COMMAND = re.compile(r"(?:^|\$ |sudo |env [\w= /]+|\| |; |&& )(portolan(?:-[a-z]+)*)(?= |$)([^|;&#<>\n]*)", re.M)
CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.M | re.S)
# Other names with this beginning are those of units, packages and objects.
PROGRAMS = {"portolan", "portolan-admin", "portolan-certgen", "portolan-recorder", "portolan-supervisor",
            "portolan-translator", "portolan-watcher", "portolan-xds-server"}


def commands(text):
    code = "\n".join((m[1] or m[2]).replace("\\\n", " ") for m in CODE.finditer(text))
    return [(m[1], m[2].split()) for m in COMMAND.finditer(code) if m[1] in PROGRAMS]


@functools.lru_cache(maxsize=None)
def help_of(*words):
    done = subprocess.run([program(words[0]), *words[1:], "--help"], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def known_options(*words):
    code, text = help_of(*words)
    return set(re.findall(r"--[a-z][a-z-]+", text)) | {"--help", "--version"} if code == 0 else set()


def faults(name, words):
    first = [w for w in words if re.fullmatch(r"[a-z][a-z-]*", w)][:1] if name == "portolan" else []
    if name == "portolan" and (not words or words[0] != (first or [None])[0]):
        return []    # "portolan" as a name: of a class, a package, a user
    if help_of(name, *first)[0] != 0:
        return [f"{name} has no command {' '.join(first)}"]
    known = known_options(name, *first)
    if name == "portolan":
        known |= known_options(name)
    return [f"{name} {' '.join(first)} has no option {option}"
            for option in (w.partition("=")[0] for w in words if re.match(r"--[a-z]", w)) if option not in known]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(TOP)))
def test_every_command_is_one(document):
    assert [f for name, words in commands(document.read_text()) for f in faults(name, words)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(TOP)))
def test_every_link_and_script_leads_somewhere(document):
    text = document.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (document.parent / link).exists()] == []
    assert [s for s in re.findall(r"(?<![\w/.-])(?:scripts|bench)/[a-z][a-z-]*(?![\w-])", text)
            if not (TOP / s).exists() and not (TOP / f"{s}.c").exists()] == []


def test_there_are_commands_to_look_at():
    assert sum(len(commands(d.read_text())) for d in DOCUMENTS) > 60
