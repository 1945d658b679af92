"""Ingresses of ingress-nginx beside plain ones: what a change costs, what they weigh, and what each of their filters
costs a request. Without annotations and with the ten that people use most."""

import functools
import time

from envoy import Envoy
from figures import MB, summary, table
from fleet import Fleet
from hosts import rows as rows_of_hosts
from hosts import start, timed
from processes import cpu
from proxying import CONNECTIONS, SECONDS, Answers, load
from world import INGRESS, Host, World

SETTINGS = "ingressNginx:\n  enabled: true\n  translateSnippets: true\n"
PREFIX = "nginx.ingress.kubernetes.io/"
# auth-type apart, which needs a Secret: the next in the list stand in for it.
TEN = {
    "proxy-body-size": "8m", "backend-protocol": "HTTP", "rewrite-target": "/served", "ssl-redirect": "false",
    "proxy-read-timeout": "120", "force-ssl-redirect": "false",
    "configuration-snippet": 'more_set_headers "X-Frame-Options: DENY";', "proxy-buffer-size": "16k",
    "proxy-send-timeout": "120", "whitelist-source-range": "127.0.0.0/8",
}  # fmt: skip
# What a request passes because of an annotation.
FILTERS = {
    "nginx's defaults": {}, "the ten": TEN, "whitelist-source-range": {"whitelist-source-range": "127.0.0.0/8"},
    "limit-rps": {"limit-rps": "1000000"}, "enable-cors": {"enable-cors": "true"}, "affinity": {"affinity": "cookie"},
    "use-regex": {"use-regex": "true"}, "more_set_headers": {"configuration-snippet": TEN["configuration-snippet"]},
    "custom-http-errors": {"custom-http-errors": "404", "default-backend": "app-00000"},
    "proxy-cookie-path (Lua)": {"proxy-cookie-path": "/a /b"},
}  # fmt: skip


def kind_of(annotations):
    """A class of hosts; None: plain ones, of class portolan."""
    if annotations is None:
        return Host
    lines = "".join(f"\n    {PREFIX}{k}: '{v}'" for k, v in annotations.items())
    text = INGRESS.replace("ingressClassName: portolan", "ingressClassName: nginx")
    if lines:
        text = text.replace("  generation: {generation}\n", f"  generation: {{generation}}\n  annotations:{lines}\n")
    return type("NginxHost", (Host,), {"kind": text})


def fleet_of(folder, n, annotations):
    config = folder / "config.yaml"
    config.write_text(SETTINGS)
    more = ["--config", config] if annotations is not None else []
    return Fleet(World(folder / "world", n, kind=kind_of(annotations)), watcher=more)


def run_hosts(folder, n, repeat, annotations):
    fleet = fleet_of(folder, n, annotations)
    envoy = None
    try:
        start(fleet)
        world = fleet.world
        began = time.monotonic_ns()
        envoy = Envoy(fleet)
        full = envoy.asker.wait_for(503, world.hosts[-1].host, "/") - began
        out = {"hosts": n, "version": envoy.version(), "start_ms": full / 1e6, "changes": {}}

        def path():
            host = world.pick()
            old = host.path
            return timed(envoy, world.path(host)[1], functools.partial(envoy.asker.wait_for, 404, host.host, old))

        def new_host():
            host, rename = world.new_host()
            return timed(envoy, rename, functools.partial(envoy.asker.wait_for, 503, host.host, "/"))

        for change in (path, new_host):
            change()
            before = fleet.cpu()
            runs = [change() for _ in range(repeat)]
            spent = {k: (v - before[k]) * 1e3 / repeat for k, v in fleet.cpu().items()}
            out["changes"][change.__name__] = {"ms": summary([r[0] for r in runs]), "cpu_ms": spent,
                                               "main_ms": summary([r[1] for r in runs])}  # fmt: skip
        out["rss"], _ = envoy.memory()
        out["stages"] = {name: rss for name, (rss, _) in fleet.memory().items()}
        return out
    finally:
        if envoy:
            envoy.stop()
        fleet.stop()


def run_requests(folder, repeat, annotations):
    fleet = fleet_of(folder, 1, annotations)
    answers = envoy = None
    try:
        start(fleet)
        answers = Answers(folder)
        host = fleet.world.hosts[0]
        fleet.world.endpoint(host, "127.0.0.1", answers.port)[1]()
        envoy = Envoy(fleet)
        envoy.asker.wait_for(200, host.host, host.path)
        load(fleet.http_port, host.host, host.path, 1)
        costs, rates = [], []
        for _ in range(repeat):
            before = cpu(envoy.process.pid)
            rate, _, done = load(fleet.http_port, host.host, host.path, SECONDS)
            costs.append((cpu(envoy.process.pid) - before) * 1e6 / done)
            rates.append(rate)
        return {"rate": summary(rates), "cpu_usec": summary(costs)}
    finally:
        for one in (envoy, answers):
            if one:
                one.stop()
        fleet.stop()


FORMS = {"plain": None, "nginx, no annotations": {}, "nginx, ten annotations": TEN}


def write(found, out):
    if found["hosts"]:
        first = next(iter(found["hosts"].values()))
        rows = [("against plain Ingresses", "change p50", "translator's CPU ms a change", "all stages MB", "times")]
        whole = sum(first["stages"].values())
        for name, form in found["hosts"].items():
            mine = sum(form["stages"].values())
            rows.append((name, f"{form['changes']['path']['ms']['p50']:.1f}",
                         f"{form['changes']['path']['cpu_ms']['translator']:.2f}", f"{mine / MB:.0f}",
                         f"{mine / whole:.2f}"))  # fmt: skip
        table(rows, out)
    if found["requests"]:
        rows = [(f"requests, {CONNECTIONS} connections, one worker", "a second p50", "Envoy's CPU us p50", "min")]
        rows += [(name, f"{r['rate']['p50']:,.0f}", f"{r['cpu_usec']['p50']:.1f}", f"{r['cpu_usec']['min']:.1f}")
                 for name, r in found["requests"].items()]  # fmt: skip
        table(rows, out)


__all__ = ["FILTERS", "FORMS", "rows_of_hosts", "run_hosts", "run_requests", "write"]
