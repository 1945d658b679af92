"""A thousand routes that come at once, with a real translator: how often their Gateway is written, and how soon its
count and the routes' own statuses are there (S-LS-7, B-2)."""

import time

from kube import poll
from test_gateway_class import Control, gateway

ROUTES = 1000


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
            poll(lambda: one.watcher.metrics()["portolan_kube_status_waiting"] == 0, 20)
            print(f"{verb}: {writes} writes of the Gateway, {seconds:.2f} s, all statuses after {time.monotonic() - last:.2f} s")
            # A server that needs longer for the routes has them come one after the other, not at once.
            assert writes <= max(30, 5 * (last + seconds - began))
            assert seconds <= 20  # bench/gateway measures how soon it really is
        client.delete(g)
