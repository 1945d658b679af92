"""Commands that people type: routes, status, "did you mean", completion, the objects for a first
try. Without an Envoy if that does not matter."""

import json
import os
import pty
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree

import pytest
import yaml

import objects
from addresses import loopback
from programs import program
from run import Run

PORTOLAN = program("portolan")


def portolan(*words, env=None, **options):
    return subprocess.run([PORTOLAN, *map(str, words)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})}, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with Run(tmp_path_factory.mktemp("people"), address=loopback(), envoy=False) as r:
        bad = objects.rule("bad.example.com", objects.path("gone"))
        r.manifests.write("app.yaml", *objects.app("web", "127.0.0.1", 9, "web.example.com"))
        r.manifests.write("bad.yaml", objects.ingress("bad", bad, namespace="other"))
        source = r.ask("watcher", "/debug/sync")["source"]
        r.ask("xds-server", f"/debug/wait?source={source}&timeout_ms=20000")
        yield r


def table(text):
    return [line.split("  ") for line in text.splitlines()]


# ---- routes ----

ROUTES = [
    *objects.app("web", "10.0.0.1", 8080, "web.example.com"),
    objects.service("two", objects.port(80)),
    objects.slice_of("two", 8080, objects.endpoint("10.0.0.2"), objects.endpoint("10.0.0.3", ready=False)),
    objects.proxy("shop", {"conditions": [{"prefix": "/cart"}], "services": [{"name": "two", "port": 80}]},
                  {"requestRedirectPolicy": {"hostname": "elsewhere.example"}},
                  fqdn="shop.example.com"),
]


def routes_of(folder, *words):
    (folder / "all.yaml").write_text(yaml.safe_dump_all(ROUTES))
    return portolan("routes", "--manifests", folder / "all.yaml", *words)


def test_routes_says_of_each_route_where_it_goes_how_ready_that_is_and_whose_it_is(folder):
    done = routes_of(folder)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line if cell] for line in table(done.stdout)]
    assert rows == [
        ["HOST", "TLS", "PATH", "BACKEND", "READY", "OBJECT"],
        ["shop.example.com", "-", "prefix /cart", "default/two", "1/2", "HTTPProxy default/shop"],
        ["shop.example.com", "-", "prefix /", "redirect", "-", "HTTPProxy default/shop"],
        ["web.example.com", "-", "prefix /", "default/web", "1/1", "Ingress default/web"],
    ]


def test_routes_of_one_host(folder):
    done = routes_of(folder, "--host", "web.example.com", "-o", "wide")
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and "spec.rules[0].http.paths[0]" in lines[1] and "all.yaml:" in lines[1]
    done = routes_of(folder, "--host", "gone.example.com")
    assert done.returncode == 1 and "no route has the host gone.example.com by this name" in done.stderr
    assert "portolan explain http://gone.example.com/" in done.stderr
    assert routes_of(folder, "--host", "WEB.example.com").stdout == routes_of(folder, "--host", "web.example.com").stdout


def test_routes_as_json_and_yaml_are_the_same(folder):
    assert json.loads(routes_of(folder, "-o", "json").stdout) == yaml.safe_load(routes_of(folder, "-o", "yaml").stdout)


def test_routes_of_what_runs(run):
    code, out = run.command("routes")
    assert code == 0 and "web.example.com" in out and "1/1" in out


def test_the_graph_of_a_host_and_of_an_object(folder):
    (folder / "all.yaml").write_text(yaml.safe_dump_all(ROUTES))
    svg = portolan("graph", "--manifests", folder / "all.yaml", "shop.example.com")
    root = xml.etree.ElementTree.fromstring(svg.stdout)
    labels = [e.text for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert labels == ["shop.example.com", "prefix /cart", "HTTPProxy default/shop", "default/two", "1 of 2 ready",
                      "prefix /", "redirect"]
    dot = portolan("graph", "--dot", "--manifests", folder / "all.yaml", "ingress/default/web")
    assert dot.stdout.startswith("digraph") and dot.stdout.count("->") == 4 and "web.example.com" in dot.stdout
    assert "shop" not in dot.stdout
    done = portolan("graph", "--manifests", folder / "all.yaml", "none.example.com")
    assert done.returncode == 1 and "has no route" in done.stderr


# ---- status ----

def test_status_lists_all_objects(run):
    code, out = run.command("status", "--all")
    assert code == 1  # one is rejected
    rows = {line.split()[2]: line.split()[:4] for line in out.splitlines() if line.startswith("Ingress")}
    assert rows == {"web": ["Ingress", "default", "web", "accepted"],
                    "bad": ["Ingress", "other", "bad", "rejected"]}


def test_status_of_one_namespace(run):
    code, out = run.command("status", "--all", "-n", "other")
    assert code == 1 and "bad" in out and "web" not in out
    code, out = run.command("status", "--problems", "-n", "default")
    assert (code, out) == (0, "")


@pytest.mark.parametrize("words", [[], ["--all"], ["--problems"], ["ingress/other/bad"]])
def test_status_as_json_and_yaml_are_the_same(run, words):
    def plain(value):
        """Without the parts that change from one question to the next."""
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if "seconds" not in k and "requests" not in k}
        return [plain(v) for v in value] if isinstance(value, list) else value

    _, as_json = run.command("status", *words, "-o", "json")
    _, as_yaml = run.command("status", *words, "-o", "yaml")
    assert plain(json.loads(as_json)) == plain(yaml.safe_load(as_yaml))


def test_a_warning_is_a_problem_too(folder):
    """An unknown field is in --problems, though the object is accepted (and the command exits 0)."""
    with Run(folder, address=loopback(), envoy=False) as r:
        app = objects.app("web", "127.0.0.1", 9, "web.example.com")
        app[0]["spec"]["rules"][0]["http"]["paths"][0]["pathTyp"] = "Exact"
        r.manifests.write("app.yaml", *app)
        r.ask("watcher", "/debug/sync")
        code, out = r.command("status", "--problems")
    assert code == 0
    assert 'warning UnknownField: unknown field, did you mean "pathType"?' in out
    assert "(spec.rules[0].http.paths[0].pathTyp)" in out


def on_a_terminal(r, *words, env):
    """A command's output there."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([PORTOLAN, words[0], "--runtime-dir", r.dir, *words[1:]], stdout=follower,
                               env={**os.environ, "TERM": "xterm", **env})
    os.close(follower)
    out = b""
    while True:
        try:
            more = os.read(leader, 65536)
        except OSError:
            break
        if not more:
            break
        out += more
    process.wait(60)
    os.close(leader)
    return out.decode()


def test_colours_are_for_terminals_and_not_where_no_color_is_set(run):
    assert "\033[31mrejected\033[0m" in on_a_terminal(run, "status", "--all", env={"NO_COLOR": ""})
    assert "\033[" not in on_a_terminal(run, "status", "--all", env={"NO_COLOR": "1"})
    assert "\033[" not in on_a_terminal(run, "status", "--all", env={"NO_COLOR": "", "TERM": "dumb"})
    assert "\033[" not in run.command("status", "--all")[1]


def test_watch_shows_what_has_changed(run):
    command = [PORTOLAN, "status", "--runtime-dir", run.dir, "-w", "ingress/default/later"]
    run.manifests.write("later.yaml", *objects.app("later", "127.0.0.1", 9, "later.example.com"))
    run.ask("watcher", "/debug/sync")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert "accepted" in process.stdout.readline()
        bad = objects.rule("later.example.com", objects.path("gone"))
        run.manifests.write("later.yaml", objects.ingress("later", bad))
        assert "rejected" in process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# ---- where it runs ----

def test_a_directory_that_the_user_may_not_see_is_said_to_be_so(folder):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    run = folder / "run"
    folder.chmod(0o755)
    run.mkdir(mode=0o700)
    done = portolan("status", "--runtime-dir", run, user=65534, group=65534, cwd="/")
    assert done.returncode == 1 and f"no permission for {run}" in done.stderr
    assert "belongs to user root" in done.stderr


def test_the_usual_places_are_named_where_nothing_runs():
    done = portolan("status", env={"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""})
    assert done.returncode == 1
    assert f"/tmp/portolan-{os.geteuid()}" in done.stderr and "/run/portolan" in done.stderr


def test_what_runs_in_the_users_session_is_found(run):
    """The place that `portolan run` chooses without --runtime-dir."""
    with tempfile.TemporaryDirectory(dir="/tmp") as session:
        os.symlink(run.dir, os.path.join(session, "portolan"))
        done = portolan("routes", env={"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": session})
        assert done.returncode == 0 and "web.example.com" in done.stdout


# ---- did you mean ----

@pytest.mark.parametrize("words, said", [
    (["stauts"], 'there is no command "stauts"; did you mean "status"?'),
    (["help", "tranlate"], 'did you mean "translate"?'),
    (["status", "--problms"], "there is no option --problms; did you mean --problems?"),
    (["run", "--manifest-dir=x"], "there is no option --manifest-dir"),
    (["status", "-Z"], "there is no option -Z"),
    (["status", "-o"], "--output needs a value: FORMAT"),
    (["status", "--json=x"], "--json takes no value"),
    (["status", "ingres/default/web"], 'there is no kind "ingres"; did you mean "Ingress"?'),
    (["explain", "htpproxy/default/web"], 'did you mean "HTTPProxy"?'),
    (["status", "-o", "xml"], "the format is text, wide, json or yaml"),
])
def test_a_mistyped_word_is_bad_usage_and_the_nearest_is_named(words, said):
    done = portolan(*words)
    assert done.returncode == 2 and said in done.stderr


def test_the_nearest_object_is_named(run):
    done = portolan("status", "--runtime-dir", run.dir, "ingress/default/weeb")
    assert done.returncode == 1 and 'did you mean "web"?' in done.stderr


# ---- completion ----

@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(shell, folder):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    script = folder / "script"
    script.write_text(portolan("completion", shell).stdout)
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words, found", [
    (["portolan", "stat"], {"status"}),
    (["portolan", "status", "--prob"], {"--problems"}),
    (["portolan", "health", "xds"], {"xds-server"}),
    (["portolan", "completion", ""], {"bash", "zsh", "fish"}),
    (["portolan", "run", "--manif"], {"--manifests"}),
])
def test_bash_completes_commands_options_and_words(words, found):
    script = portolan("completion", "bash").stdout
    script += f'\nCOMP_WORDS=({" ".join(w or chr(34) * 2 for w in words)}); COMP_CWORD={len(words) - 1}\n'
    script += '_portolan; printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert set(done.stdout.split()) == found, done.stderr


def test_completion_has_every_option_of_every_command():
    script = portolan("completion", "fish").stdout
    for command in ("status", "routes", "translate", "run", "bootstrap", "explain"):
        help_text = portolan(command, "--help").stdout
        for option in [w for w in help_text.split() if w.startswith("--") and w[2:3].isalpha()]:
            name = option[2:].split("=")[0].split("[")[0].rstrip(",.;:)")
            if f"  --{name}" in help_text.replace(" -", "  -") and name != "version":
                assert f"__fish_seen_subcommand_from {command}' -l {name}" in script or (
                    f"    --{name}" not in help_text), (command, name)


# ---- the first try ----

@pytest.mark.parametrize("host, address", [("web.example", "127.0.0.1:3000"), ("*.example.com", "[::1]:80"),
                                           # What YAML takes for other values than text.
                                           *((f"{name}.example", "127.0.0.1:80") for name in (
                                               "no", "y", "on", "null", "123", "1e3", "0x1", "1-1"))])
def test_the_example_is_accepted_and_goes_to_the_address(host, address, folder):
    done = portolan("example", host, address)
    assert done.returncode == 0
    (folder / "example.yaml").write_text(done.stdout)
    checked = portolan("translate", "--strict", folder / "example.yaml")
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == "portolan translate: 3 objects: 3 accepted\n"
    assert f"port_value: {address.rsplit(':')[-1]}" in checked.stdout
    listed = json.loads(portolan("routes", "--manifests", folder / "example.yaml", "-o", "json").stdout)
    assert [h["host"] for h in listed] == [host]


@pytest.mark.parametrize("words", [
    [], ["web.example"], ["Web Example", "127.0.0.1:1"], ["web.example", "localhost:1"],
    ["web.example", "127.0.0.1"], ["web.example", "127.0.0.1:0"], ["web.example", "127.0.0.1:1", "x"],
    ["web.example", "127.0.0.1:1", "--name", "a b"], ["10.0.0.1", "127.0.0.1:80"],
])
def test_an_example_of_what_cannot_be_is_bad_usage(words):
    done = portolan("example", *words)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout
