"""Random trees of HTTPProxies give the result of a plain model: routes in order, and the faults."""

import itertools
import json
import random

import inclusion
import offline
from objects import service

WORLDS = 400
SEED = 20261125


# ---- worlds: small, so that names meet often; each with namespaces and hosts of its own ----


def conditions(r, include):
    found = []
    paths = ["/", "/a", "/a/", "//b", "/a/b", "/c.d"]
    kind = r.choices(("prefix", "exact", "regex", None), (60, 2, 2, 20) if include else (45, 12, 12, 20))[0]
    if kind == "regex":
        found.append({"regex": r.choice(["/[0-9]+", "/x|/y", "/a.*"])})
    elif kind:
        found.append({kind: "no-slash" if r.random() < 0.02 else r.choice(paths)})
    if r.random() < 0.02:
        found.append({"prefix": "/second"})
    if r.random() < 0.3:
        word = r.choice(inclusion.HEADER_OPERATORS)
        value = True if word.endswith("present") else r.choice(["1", "2"])
        found.append({"header": {"name": r.choice(["x-a", "X-A", "x-b"]), word: value}})
    if r.random() < 0.15:
        word = r.choice(inclusion.QUERY_OPERATORS)
        query = {"name": r.choice("pq"), word: True if word == "present" else "1"}
        if r.random() < 0.05:
            query["contains" if word == "exact" else "exact"] = "2"
        found.append({"queryParameter": query})
    r.shuffle(found)
    return found


def route(r):
    found = {"conditions": conditions(r, include=False)}
    what = r.random()
    if what < 0.85:
        names = r.sample(["s0", "s1", "s2", "missing"], r.choice([1, 1, 1, 2]))
        found["services"] = [{"name": n, "port": 80} for n in names]
    if 0.8 < what < 0.98:
        found["directResponsePolicy"] = {"statusCode": r.choice([204, 404])}
    return found


def world(r, number):
    namespaces = [f"w{number}-{n}" for n in "ab"]
    hosts = [f"{h}.w{number}.example.com" for h in ("a", "A", "b", "c", "d", "e")]
    keys = list(itertools.product(namespaces, ["p0", "p1", "p2", "p3", "p4"]))
    proxies = []
    for namespace, name in r.sample(keys, r.randint(2, len(keys))):
        spec = {"routes": [route(r) for _ in range(r.choice([0, 1, 1, 2, 3]))],
                "includes": []}
        if r.random() < 0.35:
            spec["virtualhost"] = {"fqdn": r.choice(hosts)}
        for _ in range(r.choice([0, 0, 1, 2, 3])):
            include = {"name": r.choice(["p0", "p1", "p2", "p3", "p4"]), "conditions": conditions(r, True)}
            if r.random() < 0.7:
                include["namespace"] = r.choice(namespaces)
            spec["includes"].append(include)
        proxies.append({"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
                        "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    services = {(n, s) for n in namespaces for s in ("s0", "s1", "s2")}
    return proxies, services


# ---- the result, in the model's words ----


def operator(matcher):
    sign = "not" if matcher.get("invert_match") else ""
    if "present_match" in matcher:
        return sign + "present", True
    (word, value), = ((w, v) for w, v in matcher["string_match"].items() if w != "ignore_case")
    return (sign + word, value) if word != "safe_regex" else ("regex", value["regex"])


def match_of(match):
    for kind, field in ((inclusion.EXACT, "path"), (inclusion.PREFIX, "prefix")):
        if field in match:
            path = match[field]
            break
    else:
        kind, path = inclusion.REGEX, match["safe_regex"]["regex"]
    values = (tuple(sorted((m["name"], *operator(m)) for m in match.get(field, [])))
              for field in ("headers", "query_parameters"))
    return inclusion.Match(kind, path, *values)


def action_of(route):
    if "direct_response" in route:
        return "answer", route["direct_response"]["status"]
    route = route["route"]
    clusters = ([c["name"] for c in route["weighted_clusters"]["clusters"]] if "weighted_clusters" in route
                else [route["cluster"]])
    return "services", frozenset(tuple(c.split("/")[:2]) for c in clusters)


def by_rank(routes):
    """Routes in the significant order; those without an order between them as sets. Nothing is
    sorted here."""
    return [(rank, set(group)) for rank, group in itertools.groupby(routes, key=lambda x: x[0].rank())]


def test_trees_become_what_the_model_says(folder):
    r = random.Random(SEED)
    worlds = [world(r, n) for n in range(WORLDS)]
    file = folder / "all.yaml"
    file.write_text("---\n".join(
        json.dumps(o) + "\n" for proxies, services in worlds
        for o in [*proxies, *(service(name, namespace=namespace) for namespace, name in sorted(services))]))
    translated = offline.translate(folder, file)
    routes = {domain: [(match_of(x["match"]), action_of(x)) for x in host["routes"]]
              for host in offline.resources(translated.resources)["RDS"]["ingress_http"]["virtual_hosts"]
              for domain in host["domains"]}
    statuses = offline.statuses(translated.statuses)
    seen = set()
    for number, (proxies, services) in enumerate(worlds):
        wanted = inclusion.Meaning(proxies, services)
        shown = f"world {number} of seed {SEED}:\n{json.dumps(proxies, indent=1)}"
        got = {h: v for h, v in routes.items() if h.endswith(f".w{number}.example.com")}
        assert {h: by_rank(v) for h, v in got.items()} == {
            h: by_rank(v) for h, v in wanted.hosts.items()}, shown
        for (namespace, name), errors in wanted.errors.items():
            status = statuses[f"HTTPProxy {namespace}/{name}"]
            said = {p["reason"] for p in status.get("problems", []) if p["severity"] == "error"}
            assert (name, said) == (name, errors), shown
            verdict = "rejected" if (namespace, name) in wanted.rejected else \
                "partial" if errors else "accepted"
            assert (name, status["verdict"]) == (name, verdict), shown
            seen |= errors
    # The run was useful: every case of the model has occurred, and most hosts have routes.
    assert len(seen) == 13, seen
    assert len(routes) > WORLDS / 2 and max(map(len, routes.values())) >= 8


def chain(n, spec):
    """HTTPProxies p0, p1, …: spec(i) is that of the i-th, and the first is a root."""
    return [{"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": f"p{i}"},
             "spec": {**spec(i), **({"virtualhost": {"fqdn": "w.example.com", "tls": {"passthrough": True}}}
                                    if i == 0 else {})}} for i in range(n)]


def problems(folder, objects):
    file = folder / "all.yaml"
    file.write_text("---\n".join(json.dumps(o) + "\n" for o in objects))
    statuses = offline.statuses(offline.translate(folder, file).statuses)
    return {(key.split("/")[1], p["reason"]) for key, s in statuses.items() for p in s.get("problems", [])}


def test_a_tree_that_doubles_at_each_level_is_cut_off_and_says_so(folder):
    def spec(i):
        return {"includes": [{"name": f"p{i + 1}", "conditions": [{"prefix": p}]} for p in ("/a", "/b")]}

    # Without a bound this would be two billion includes.
    found = problems(folder, chain(31, spec))
    assert ("p0", "IncludeError/TooManyIncludes") in found


def test_a_chain_of_tcp_includes_has_an_end(folder):
    found = problems(folder, chain(3000, lambda i: {"tcpproxy": {"include": {"name": f"p{i + 1}"}}}))
    assert ("p32", "TCPProxyIncludeError/IncludeCreatesCycle") in found
    assert ("p2999", "Orphaned/Orphaned") in found
