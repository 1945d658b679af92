"""Random Gateways, routes and requests: a real Envoy's answers equal those of a plain reading of
the API in Python (host names, isolation, attachment, precedence)."""

import json
import os
import random
import re

import pytest

import gateway_objects as api
from backends import Client
from gateway_objects import backend, gateway, listener, route, rule
from objects import backend_objects

SEEDS = [int(os.environ["PORTOLAN_SEED"])] if "PORTOLAN_SEED" in os.environ else [1, 2, 3, 4]
HOSTS = ["a.com", "x.a.com", "y.x.a.com", "b.org", "z.b.org"]
NAMES = [None, "a.com", "x.a.com", "*.a.com", "*.x.a.com", "b.org", "*.b.org", "*.org"]
PATHS = ["/", "/p", "/p/q", "/pq", "/r", "/p/q/s"]


def within(name, pattern):
    return pattern is None or name == pattern or (
        pattern.startswith("*") and name is not None and name.endswith(pattern[1:]) and len(name) > len(pattern) - 1)


def intersect(x, y):
    if within(x, y) and not (x is None and y is not None):
        return x
    return y if within(y, x) and not (y is None and x is not None) else "nothing"


def rank(name):
    """The less, the more specific."""
    return (2, 0) if name is None else (1, -len(name)) if name.startswith("*") else (0, -len(name))


class Model:
    """The API, literally."""

    def __init__(self, listeners, routes):
        self.listeners = listeners
        self.routes = routes

    def answer(self, host, path, method, headers):
        own = [n for n in self.listeners.values() if within(host, n)]
        if not own:
            return 404
        mine = min(own, key=rank)
        found = []
        for age, (name, hosts, sections, rules) in enumerate(self.routes):
            if not any(self.listeners[s] == mine for s in sections or self.listeners):
                continue
            names = [h for h in hosts or [None] if intersect(mine, h) != "nothing" and within(host, intersect(mine, h))]
            if not names:
                continue
            for i, one in enumerate(rules):
                if self.matches(one, path, method, headers):
                    found.append((*rank(min(names, key=rank)), *self.precedence(one), age, name, i, f"{name}-{i}"))
        return min(found)[-1] if found else 404

    @staticmethod
    def matches(one, path, method, headers):
        kind, value, wanted_method, wanted = one
        fits = path == value if kind == "Exact" else value == "/" or path == value or path.startswith(value + "/")
        return fits and (not wanted_method or method == wanted_method) and all(headers.get(k) == v for k, v in wanted)

    @staticmethod
    def precedence(one):
        kind, value, method, wanted = one
        return (0, 0) if kind == "Exact" else (1, -len(value)), not method, -len(wanted)


class Made:
    """A world, for the model and as objects."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        names = self.random.sample(NAMES, self.random.randint(1, 5))
        self.listeners = {f"l{i}": n for i, n in enumerate(names)}
        self.routes = [self.route(i) for i in range(self.random.randint(1, 7))]

    def route(self, i):
        hosts = self.random.sample(NAMES[1:], self.random.choice([0, 1, 1, 2, 3]))
        sections = self.random.sample(list(self.listeners), self.random.choice([0, 0, 1]))
        return f"r{i}", hosts, sections, [self.rule() for _ in range(self.random.randint(1, 4))]

    def rule(self):
        return (self.random.choice(["Exact", "PathPrefix", "PathPrefix"]), self.random.choice(PATHS),
                self.random.choice([None, None, "GET"]),
                self.random.sample([("x-a", "1"), ("x-b", "2")], self.random.choice([0, 0, 1, 2])))

    def objects(self):
        yield gateway("web", *(listener(s, 80, hostname=n) for s, n in self.listeners.items()))
        for age, (name, hosts, sections, rules) in enumerate(self.routes):
            yield route(name, *(self.as_rule(f"{name}-{i}", one) for i, one in enumerate(rules)), hosts=hosts,
                        parents=[{"name": "web", "sectionName": s} for s in sections] or [{"name": "web"}],
                        created=f"2024-01-{age + 1:02}T00:00:00Z")

    @staticmethod
    def as_rule(label, one):
        kind, value, method, wanted = one
        match = {"path": {"type": kind, "value": value}, "headers": [{"name": k, "value": v} for k, v in wanted]}
        if method:
            match["method"] = method
        return rule(backend("b"), matches=[match], filters=[{"type": "ResponseHeaderModifier", "responseHeaderModifier": {
            "set": [{"name": "x-rule", "value": label}]}}])


def explained(site, host, path):
    """The rule that `portolan explain` names for the same request, or its status."""
    said = json.loads(site.pipeline.translator.get(f"/debug/explain?url=http://{host}:80{path}"))
    made_by = said.get("route", {}).get("made_by", {})
    index = re.fullmatch(r"spec\.rules\[(\d+)\]", made_by.get("field", ""))
    return f"{made_by['name']}-{index[1]}" if index else said.get("status")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_real_envoy_answers_as_a_plain_reading_of_the_api(shared_site, seed):
    site = shared_site
    if "b" not in site.backends:
        site.backend("b")
    client = Client(site.address, 80)
    wrong = []
    for world in range(6):
        made = Made(seed * 1000 + world)
        site.write("world.yaml", api.CLASS, *backend_objects(site.backends["b"]), *made.objects())
        model = Model(made.listeners, made.routes)
        for host in HOSTS:
            connection = client.connect(host)
            for path in PATHS:
                for headers in ({}, {"x-a": "1"}, {"x-b": "2"}, {"x-a": "1", "x-b": "2"}):
                    got = client.on(connection, host, path, headers)
                    said, wanted = got.headers.get("x-rule", got.status), model.answer(host, path, "GET", headers)
                    if said != wanted:
                        wrong.append((world, host, path, headers, said, wanted))
                    if not headers and explained(site, host, path) != wanted:
                        wrong.append((world, host, path, "explain", explained(site, host, path), wanted))
            connection.close()
    site.remove("world.yaml")
    assert wrong == []


def test_the_worlds_are_worth_asking():
    """Listeners that lack a route for a host, routes that lose, fall-through: or the equality says little."""
    answers, several = set(), 0
    for seed in range(20):
        made = Made(seed)
        model = Model(made.listeners, made.routes)
        for host in HOSTS:
            for path in PATHS:
                answers.add(model.answer(host, path, "GET", {}) == 404)
        several += len(made.listeners) > 2 and len(made.routes) > 2
    assert answers == {True, False}
    assert several >= 5
