"""Metrics: the rules of Prometheus (those of `promtool check metrics`), the table, the page in docs."""

import json
import re
import subprocess
import urllib.request

import promql_parser
import pytest
import yaml

import objects
from addresses import loopback
from certs import Authority
from programs import TOP, program
from run import Run

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
PATIENCE = 60
UNITS = {"milliseconds", "microseconds", "ms", "minutes", "hours", "kilobytes", "kb", "mb"}


def portolan(*words):
    return subprocess.run([program("portolan"), *words], capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole Portolan with an Envoy, one host served, one Ingress without its Service."""
    with Run(tmp_path_factory.mktemp("metrics"), address=loopback()) as r:
        certificate = Authority().issue("web.example.com")
        r.write("app.yaml", *objects.app("web", "127.0.0.1", 9, "web.example.com", tls="web"),
                objects.tls_secret("web", certificate))
        bad = objects.rule("bad.example.com", objects.path("gone"))
        r.write("bad.yaml", objects.ingress("bad", bad))
        yield r


def parse(text):
    """{family: (help, type, [(name, {label: value}, number)])}, in order of appearance."""
    families, current = {}, None
    for line in text.splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            entry = families.setdefault(name, {"samples": []})
            assert word not in entry, f"{name} has two lines {word}"
            entry[word] = rest
            current = name
            continue
        name, labels, number = SAMPLE.fullmatch(line).groups()
        assert re.fullmatch(f"{current}(_bucket|_sum|_count)?", name), line
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
        families[current]["samples"].append((name, labels, float(number)))
    return families


def lint(families):
    """The findings of `promtool check metrics`: a line each."""
    for name, f in families.items():
        kind = f.get("TYPE")
        if not f.get("HELP"):
            yield f"{name}: no help text"
        if kind not in ("counter", "gauge", "histogram", "summary"):
            yield f"{name}: no type"
        if (kind == "counter") != name.endswith("_total"):
            yield f"{name}: counters, and only they, end in _total"
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            yield f"{name}: not snake_case"
        if UNITS & set(name.split("_")):
            yield f"{name}: not in base units"
        if kind in ("counter", "gauge") and re.search("_(bucket|count|sum)$", name):
            yield f"{name}: a suffix of histograms"
        if kind and kind in name.split("_"):
            yield f"{name}: has its type in the name"
        if kind == "histogram":
            infinite = [s for s in f["samples"] if s[1].get("le") == "+Inf"]
            counts = [s for s in f["samples"] if s[0].endswith("_count")]
            if [s[2] for s in infinite] != [s[2] for s in counts] or not counts:
                yield f"{name}: the bucket +Inf is not the count"
        seen = [(s[0], tuple(sorted(s[1].items()))) for s in f["samples"]]
        if len(seen) != len(set(seen)):
            yield f"{name}: a series stands twice"


def table():
    """{name: (stage, type, labels)}, as `portolan metrics` lists them."""
    lines = portolan("metrics").stdout.splitlines()
    rows = [re.split(" {2,}", line, maxsplit=4) for line in lines]
    assert rows[0] == ["STAGE", "NAME", "TYPE", "LABELS", "HELP"]
    return {r[1]: (r[0], r[2], set() if r[3] == "-" else set(r[3].split(","))) for r in rows[1:]}


def scrape(r):
    address = r.ask("admin", "/debug/status")["admin_address"]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        return parse(answer.read().decode())


def test_the_lint_finds_what_it_is_for():
    bad = parse("# TYPE a_microseconds gauge\na_microseconds 1\n# HELP b Help.\n# TYPE b counter\nb 1\nb 2\n"
                "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n")
    assert set(lint(bad)) == {
        "a_microseconds: no help text", "a_microseconds: not in base units",
        "b: counters, and only they, end in _total", "b: a series stands twice",
        "h: the bucket +Inf is not the count",
    }


def test_a_live_scrape_keeps_the_rules_of_prometheus(run):
    assert list(lint(scrape(run))) == []


def test_a_live_scrape_has_what_the_table_says_and_nothing_else(run):
    rows, families = table(), scrape(run)
    for name, f in families.items():
        stage, kind, labels = rows[name]
        assert f["TYPE"] == kind
        for _, found, _ in f["samples"]:
            assert set(found) - {"stage", "le"} == labels, name
            assert stage in ("all", found["stage"]) or name == "portolan_stage_up", name
    # Families of sources that do not run here (an API server, a recording, a recorder, passwords) are not shown.
    absent = {n for n in rows if n not in families}
    assert {n for n in absent
            if not re.match("portolan_(kube|replay|passwords|recorder|watcher_config)_|contour_", n)} == set()


def test_every_series_is_there_before_its_first_event(run):
    families = scrape(run)
    for name in ("portolan_incidents_total", "portolan_xds_nacks_total", "portolan_event_to_ack_seconds",
                 "portolan_child_restarts_total", "portolan_xds_certificate_loads_total"):
        assert families[name]["samples"], name
    verdicts = {s[1]["verdict"] for s in families["portolan_objects"]["samples"] if s[1]["kind"] == "Ingress"}
    assert verdicts == {"accepted", "partial", "rejected", "ignored"}


def sample(families, name, **labels):
    found = [s[2] for s in families[name]["samples"] if labels.items() <= s[1].items()]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_objects_and_their_problems_are_counted(run):
    families = scrape(run)
    assert sample(families, "portolan_objects", kind="Ingress", verdict="accepted") == 1
    assert sum(sample(families, "portolan_objects", kind="Ingress", verdict=v)
               for v in ("partial", "rejected")) == 1
    problems = families["portolan_object_problems"]["samples"]
    assert [s[1]["reason"] for s in problems if s[1]["kind"] == "Ingress"] == ["ServiceMissing"]


def count(r):
    samples = scrape(r)["portolan_event_to_ack_seconds"]["samples"]
    return next(s[2] for s in samples if s[0].endswith("_count"))


def test_the_whole_way_of_a_change_is_measured(run):
    before = count(run)
    run.write("more.yaml", *objects.app("more", "127.0.0.1", 9, "more.example.com"))
    assert count(run) == before + 1
    changes = run.ask("xds-server", "/debug/changes")
    assert changes[0]["live"] and changes[0]["envoys"] == 1
    event, arrived, acked = changes[0]["world"], changes[0]["arrived_usec"], changes[0]["last_ack_usec"]
    assert event < arrived < acked
    [made] = [c for c in run.ask("watcher", "/debug/changes") if c["world"] == event]
    assert made["objects"] == 3 and made["key"] == "default/more"


def test_the_page_in_docs_is_made_from_the_table():
    made = portolan("metrics", "--markdown").stdout
    assert made == (TOP / "docs/look-up/metrics.md").read_text()


@pytest.mark.parametrize("name", ["portolan_build_info", "portolan_certificate_expiry_timestamp_seconds",
                                  "portolan_event_to_ack_seconds"])
def test_what_dashboards_need_is_in_the_table(name):
    assert name in table()


def test_the_expiry_of_certificates_is_shown(run):
    [served] = scrape(run)["portolan_certificate_expiry_timestamp_seconds"]["samples"]
    assert (served[1]["namespace"], served[1]["secret"]) == ("default", "web")
    [listed] = run.ask("translator", "/debug/certificates")
    assert listed["not_after"] == served[2] and listed["names"] == ["web.example.com"]


# ---- alert rules and the dashboard ----

OBSERVABILITY = TOP / "helm" / "observability"


def selectors(node):
    """Every vector selector of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("lhs", "rhs", "expr", "vs", "vector_selector", "param", "args"):
        child = getattr(node, part, None)
        for one in child if isinstance(child, list) else [child]:
            if one is not None and not isinstance(one, (str, int, float, bool)):
                yield from selectors(one)


def expressions():
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads((OBSERVABILITY / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


@pytest.mark.parametrize("title, text", list(expressions()))
def test_an_expression_asks_for_series_and_labels_that_there_are(run, title, text):
    rows, families, found = table(), scrape(run), 0
    for selector in selectors(promql_parser.parse(text)):
        found += 1
        name = re.sub("_(bucket|sum|count)$", "", selector.name) if selector.name not in rows else selector.name
        stage, _, labels = rows[name]
        assert {m.name for m in selector.matchers.matchers} <= labels | {"stage"}, title
        # Metrics of sources that do not run here are at least in the table.
        assert families.get(name, {}).get("samples") or name.startswith("portolan_kube_") or (
            name == "portolan_watcher_config_refused"), title
    assert found, title
    for by in re.findall(r"by \(([\w, ]+)\)", text):
        assert set(by.split(", ")) <= {"le"} | set().union(*(rows[n][2] for n in rows if n in text)), title


def test_alerts_say_what_is_wrong_and_what_to_do():
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"]["summary"] and rule["annotations"]["description"]


def test_httpproxies_have_contours_metrics_where_they_are_asked_for(tmp_path):
    with Run(tmp_path, "--contour-metrics", address=loopback(), envoy=False) as r:
        r.manifests.write("a.yaml", objects.service("web", objects.port(80)), objects.proxy("good", objects.to("web"), fqdn="good.example.com"),
                objects.proxy("bad", objects.to("gone"), fqdn="bad.example.com"), objects.proxy("alone", objects.to("web")))
        source = r.ask("watcher", "/debug/sync")["source"]
        r.ask("watcher", f"/debug/statuses/wait?source={source}&timeout_ms={PATIENCE * 1000}")
        families = scrape(r)
        assert list(lint(families)) == []
        assert sample(families, "contour_httpproxy", namespace="default") == 3
        assert sample(families, "contour_httpproxy_root", namespace="default") == 2
        assert sample(families, "contour_httpproxy_orphaned", namespace="default") == 1
        assert sample(families, "contour_httpproxy_valid", namespace="default", vhost="good.example.com") == 1
        assert sample(families, "contour_httpproxy_invalid", namespace="default", vhost="bad.example.com") == 1
        assert sample(families, "contour_dag_cache_object", kind="HTTPProxy") == 3
        assert sample(families, "contour_dagrebuild_total") >= 1
