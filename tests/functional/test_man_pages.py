"""Every program has a man page that names all of its options, and no others; `portolan run` passes
on exactly the stages' options."""

import re
import shutil
import subprocess

import pytest

from programs import TOP, missing, program

STAGES = ("watcher", "translator", "xds-server", "admin", "supervisor")
# Options of stages that are not for `portolan run`: modes in which a stage is no daemon.
NOT_FOR_RUN = {"once", "read-stream", "write-stream", "write-statuses", "print",
               "print-changes", "full", "explain", "write-notes", "check", "write-manifests", "note-passed", "each-world",
               "redact", "redact-key", "stand-in"}
OWN_OF_RUN = {
    "envoy", "envoy-concurrency", "envoy-log-level", "envoy-bootstrap", "no-screen", "try-file",
    "record", "record-redact",
}


def commands():
    """As portolan help lists them. record becomes portolan-recorder, whose page has its options."""
    done = subprocess.run([program("portolan"), "help"], capture_output=True, text=True, timeout=60)
    return set(re.findall(r"^  ([a-z-]+) {2,}", done.stdout, re.M)) - {"help", "record"}


def options(*command):
    """Of --help."""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^ +(?:-\w, +)?--([a-z-]+)", done.stdout, re.M))


def documented(name):
    text = (TOP / "docs" / "man" / name).read_text().replace(r"\-", "-")
    text = text.split(".SH EXAMPLES")[0]
    return set(re.findall(r"--([a-z][a-z-]+)", text))


def stage_options(stage):
    return options(program(f"portolan-{stage}"))


@pytest.mark.parametrize("stage", (*STAGES, "passwords", "recorder"))
def test_a_stages_page_names_its_options_and_no_other(stage):
    assert documented(f"portolan-{stage}.8") == stage_options(stage)


def test_the_commands_page_names_the_options_of_all_commands_and_no_other():
    portolan = program("portolan")
    all_commands = [(c,) for c in commands()] + [("envoy", "shutdown")]
    assert documented("portolan.1") == set().union(*(options(portolan, *c) for c in all_commands))


def test_run_passes_on_every_option_of_the_stages_and_no_other():
    of_stages = set().union(*map(stage_options, STAGES)) - NOT_FOR_RUN
    assert options(program("portolan"), "run") == of_stages | OWN_OF_RUN


@pytest.mark.parametrize("command", [(), ("help",), *((c,) for c in sorted(commands()))])
def test_help_and_misuse_have_their_exit_codes(command):
    portolan = program("portolan")
    helped = subprocess.run([portolan, *command, "--help"], capture_output=True, timeout=60)
    assert (helped.returncode, helped.stderr) == (0, b"")
    if command != ("help",):
        misused = subprocess.run([portolan, *command, "--no-such"], capture_output=True, timeout=60)
        assert (misused.returncode, misused.stdout) == (2, b"")


PAGES = sorted((TOP / "docs" / "man").iterdir())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_page_has_what_people_look_for(page):
    text = page.read_text()
    assert re.search(r'^\.TH \S+ [158] "20\d\d-\d\d-\d\d" ', text, re.M)
    sections = re.findall(r"^\.SH (.*)$", text, re.M)
    wanted = ["FILES", "EXAMPLES", "SEE ALSO"]
    if page.suffix != ".5":
        wanted += ["SYNOPSIS", "EXIT STATUS", "ENVIRONMENT"]
    assert [w for w in wanted if w not in sections] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_mandoc_finds_nothing_wrong_with_a_page(page):
    if not shutil.which("mandoc"):
        missing("no mandoc (Debian: mandoc)")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], capture_output=True, text=True)
    # Which pages are installed is the machine's business.
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []


def test_the_keys_of_the_configurations_page_are_made_from_the_table():
    made = subprocess.run([TOP / "scripts/man-keys", program("portolan"), "--print"], capture_output=True, text=True, check=True)
    page = (TOP / "docs/man/portolan.yaml.5").read_text()
    assert made.stdout == page, "scripts/man-keys build/portolan/portolan writes it"
    assert page.count("Example: ") > 110


def section(name):
    text = (TOP / "docs/man/portolan.1").read_text().replace(r"\-", "-")
    return re.sub(r"\s+", " ", text.split(f".SH {name}\n")[1].split("\n.SH ")[0])


def test_the_changes_of_diff_are_in_its_page_and_in_the_manual():
    """Each as two words: "route opened" in the table; in the manual a list by the first of them."""
    sources = "".join((TOP / "portolan" / f).read_text() for f in ("surface.c", "verdicts.c"))
    found = set(re.findall(r'"((?:host|routes?|endpoints|certificate|guards|connection|status|problem)-[a-z]+)"', sources))
    assert {"route-opened", "endpoints-lost", "status-turned"} <= found
    table = re.findall(r"^\| ([a-z].*?) \|", (TOP / "docs/do/dry-run.md").read_text(), re.M)
    lists = section("DIFF").split("differences for clients: ")[1].split(". ")[0].split("; ")
    for change in found:
        thing, what = change.split("-")
        assert any(f"{thing} {what}" in row for row in table), change
        assert any(thing.rstrip("s") in part and what in part for part in lists), (change, lists)


def test_the_manual_and_the_page_of_migrate_say_the_same_of_its_options():
    manual, page = section("MIGRATE"), (TOP / "docs/do/migrate.md").read_text()
    said = subprocess.run([program("portolan"), "migrate", "--help"], capture_output=True, text=True, timeout=60).stdout
    for text in (manual, page, said):
        assert re.search(r"-class\b.{1,20}NAME.{1,150}another ingress-nginx", text, re.S)
        assert re.search(r"-write\b.{1,20}DIR.{1,500}(?:cannot|could not) be read", text, re.S)
    assert "TLS or HTTP/2 to its backends" in manual and "TLS or HTTP/2 to its backends" in page
