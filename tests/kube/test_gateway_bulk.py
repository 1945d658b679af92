"""A thousand routes that come at once, with a real translator: how often their Gateway is written, and how soon its
count and the routes' own statuses are there (S-LS-7, B-2)."""

import time

from kube import poll
from test_gateway_class import Control, gateway

ROUTES = 1000


def most_writes(seconds):
    """That one object can get in this time, however fast server and machine are: watcher/status/status-writer.c paces them. Two
    come at once, then pauses double from 50 ms to 1 s: 7 in 1.55 s, and one a second. After 2 s of quiet the pace begins anew,
    which gives 6 in 2.75 s at the most."""
    return 7 + 2.2 * seconds


def routes(namespace):
    return [{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": f"r{i}", "namespace": namespace},
             "spec": {"parentRefs": [{"name": "g"}], "hostnames": [f"h{i}.example.com"]}} for i in range(ROUTES)]


def attached(event):
    return event["object"].get("status", {}).get("listeners", [{}])[0].get("attachedRoutes")


def test_a_thousand_routes(gateway_kube, namespace, tmp_path):
    client = gateway_kube.client
    with Control(gateway_kube, namespace, tmp_path) as one:
        g = client.create(gateway(namespace))
        client.wait_for("Gateway", namespace, "g", lambda g: attached({"object": g}) == 0)
        items = routes(namespace)
        for verb, wanted in (("create", ROUTES), ("delete", 0)):
            first = client.list("Gateway", namespace)["metadata"]["resourceVersion"]
            with client.watch(client.path("Gateway", namespace), resourceVersion=first) as events:
                began = time.monotonic()
                client.bulk(verb, items)
                last, writes = time.monotonic(), 0
                for event in events:
                    writes += event["type"] == "MODIFIED"
                    if attached(event) == wanted:
                        break
            seconds = time.monotonic() - last
            poll(lambda: one.watcher.metrics()["portolan_kube_status_waiting"] == 0)
            print(f"{verb}: {writes} writes of the Gateway, {seconds:.2f} s, all statuses after {time.monotonic() - last:.2f} s")
            assert writes <= most_writes(last + seconds - began)
            assert seconds <= 20  # bench/gateway measures how soon it really is
        client.delete(g)
