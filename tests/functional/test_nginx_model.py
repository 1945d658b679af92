"""Random Ingresses of one host, and where each request goes: a plain model of ingress-nginx's merging and
location matching, asked of a real Envoy."""

import os
import random
import re

import pytest

from nginx import World, nginx
from objects import path

SERVICES = [f"s{i}" for i in range(6)]
TEXTS = ["/", "/a", "/a/", "/a/b", "/a/b/", "/A", "/ab", "/a.b", "/b", "/b/c"]
PATTERNS = ["/a/[a-z]+", "/(x|y)/z", "/b(/|$)(.*)", "/A.c"]
REQUESTS = ["/", "/a", "/a/", "/a/x", "/A", "/A/B", "/ab", "/abc", "/a.b", "/axb", "/a/b", "/a/b/", "/a/b/c", "/b",
            "/b/", "/b/c", "/b/c/d", "/bc", "/x/z", "/x", "/nothing", "/aXc", "/a?q=/b", "/a/b?x"]


# ---- random Ingresses ----

def made(rng):
    """[(name, created, uses regexes, [(text, type, service), …]), …]"""
    ingresses = []
    for i in range(rng.randint(1, 4)):
        regex = rng.random() < 0.15
        paths = [(rng.choice(TEXTS + (PATTERNS if regex else [])),
                  rng.choice(["Prefix", "Exact", "ImplementationSpecific"]), rng.choice(SERVICES))
                 for _ in range(rng.randint(1, 3))]
        paths = [(text, "ImplementationSpecific" if text in PATTERNS else kind, to) for text, kind, to in paths]
        created = f"2020-01-0{rng.randint(1, 3)}T00:00:00Z"  # some are equally old
        ingresses.append((f"i{i}", created, regex, paths))
    return ingresses


# ---- the model ----

def locations(ingresses):
    """(regex host?, [(text, is exact, service or None), …] in nginx's order)."""
    ordered = sorted(sorted(ingresses, key=lambda i: i[0], reverse=True), key=lambda i: i[1])
    found = {("/", False): (None, False)}  # the implicit one, of the oldest Ingress
    real = set()
    for _, _, regex, paths in ordered:
        for text, kind, service in paths:
            key = (text, kind == "Exact")
            if key not in real:
                real.add(key)
                found[key] = (service, regex)
    listed = sorted(found.items(), key=lambda f: f[0][0], reverse=True)
    listed = sorted(listed, key=lambda f: -len(f[0][0]))
    result = []
    for (text, exact), (service, regex) in listed:
        if exact or text == "/" or regex:
            result.append((text, exact, service))
            continue
        result.append((text if text.endswith("/") else text + "/", False, service))
        if (text, True) not in found:
            result.append((text, True, service))
    return any(i[2] for i in ingresses), result


def chosen(uses_regexes, listed, uri):
    """The Service; None: no answer; a text: a redirect there."""
    at = uri.partition("?")[0]
    if uses_regexes:
        return next((to for text, _, to in listed if re.match(text, at, re.IGNORECASE)), None)
    exact = [to for text, is_exact, to in listed if is_exact and text == at]
    if exact:
        return exact[0]
    if any(text == at + "/" for text, _, _ in listed):
        return at + "/" + uri[len(at):]
    return max(((text, to) for text, is_exact, to in listed if not is_exact and at.startswith(text)),
               key=lambda f: len(f[0]))[1]


def is_ambiguous(listed):
    """nginx refuses two equal locations."""
    return len({(text, exact) for text, exact, _ in listed}) < len(listed)


# ---- asked ----

SEEDS = [int(os.environ["PORTOLAN_NGINX_SEED"])] if "PORTOLAN_NGINX_SEED" in os.environ else [*range(24), 71]


@pytest.fixture(scope="module")
def world(nginx_site):
    found = World(nginx_site, "model")
    for name in SERVICES:
        found.backend(name)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_requests_go_where_the_model_says(world, seed):
    rng = random.Random(seed)
    ingresses = made(rng)
    while is_ambiguous(locations(ingresses)[1]):
        ingresses = made(rng)
    world.host = f"m{seed}.test"
    world.write(*(nginx(name, world.host, *(path(to, at=text, type=kind) for text, kind, to in paths), created=created,
                        **({"use_regex": "true"} if regex else {}))
                  for name, created, regex, paths in ingresses))
    uses_regexes, listed = locations(ingresses)
    for uri in REQUESTS:
        wanted = chosen(uses_regexes, listed, uri)
        answer = world.get(uri)
        found = (answer.backend.removeprefix("model-") if answer.backend else
                 answer.headers["location"].removeprefix(f"http://{world.host}") if answer.status == 301 else
                 None if answer.status == 404 else answer.status)
        assert found == wanted, f"{uri}: {ingresses}"
