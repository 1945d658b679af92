"""The meaning of a set of HTTPProxies, written as plainly as possible and without regard for speed:
which routes each host has, in which order, and the faults of each object. Tests compare the
translator with it.

It knows includes, conditions, Services and direct answers; nothing else of a route matters here.
"""

from typing import NamedTuple

EXACT, REGEX, PREFIX = "exact", "regex", "prefix"
PATHS = (PREFIX, EXACT, REGEX)
HEADER_OPERATORS = ("present", "notpresent", "contains", "notcontains", "exact", "notexact", "regex")
QUERY_OPERATORS = ("exact", "regex", "prefix", "suffix", "contains", "present")


class Invalid(Exception):
    """The reason is its only argument."""


class Match(NamedTuple):
    kind: str
    path: str
    headers: tuple  # of (name, operator, value), sorted
    queries: tuple

    def rank(self):
        """Ranks in order; those of the same rank may be in any order."""
        return ((EXACT, REGEX, PREFIX).index(self.kind), 0 if self.kind == EXACT else -len(self.path),
                [-ord(c) for c in self.path] + [0], -len(self.headers), -len(self.queries))


# ---- conditions ----


def check_paths(conditions, include):
    found = [(kind, c[kind]) for c in conditions for kind in PATHS if kind in c]
    if len(found) > 1 or any(not text.startswith("/") for _, text in found):
        raise Invalid("PathMatchConditionsNotValid")
    if include and any(kind != PREFIX for kind, _ in found):
        raise Invalid("PathMatchConditionsNotValid")


def operators(condition, words):
    return [(condition["name"].lower(), word, condition[word]) for word in words if word in condition]


def merge(levels):
    """levels: lists of conditions, the root's first; the last is the one that it is about."""
    every = [c for level in levels for c in level]
    headers = [o for c in every if "header" in c for o in operators(c["header"], HEADER_OPERATORS)[:1]]
    queries = []
    for c in every:
        if "queryParameter" in c:
            of_one = operators(c["queryParameter"], QUERY_OPERATORS)
            if len(of_one) != 1:
                raise Invalid("QueryParameterMatchConditionsNotValid")
            queries += of_one
    if any(contradict(x, y) for i, x in enumerate(headers) for y in headers[:i]):
        raise Invalid("HeaderMatchConditionsNotValid")
    if any(x[0] == y[0] and x[1] == y[1] == "exact" for i, x in enumerate(queries) for y in queries[:i]):
        raise Invalid("QueryParameterMatchConditionsNotValid")
    return Match(*merge_path(levels), tuple(sorted(headers)), tuple(sorted(queries)))


def contradict(x, y):
    if x[0] != y[0]:
        return False
    if x[1] == y[1] == "exact":
        return True
    for word in ("present", "exact", "contains"):
        if {x[1], y[1]} == {word, "not" + word}:
            return word == "present" or x[2] == y[2]
    return False


def merge_path(levels):
    *above, own = levels
    text = "".join(c.get(PREFIX, "") for level in above for c in level)
    for condition in own:
        if REGEX in condition:
            return REGEX, slashes(regex_below(text, condition[REGEX]))
    kind = EXACT if any(EXACT in c for c in own) else PREFIX
    text += "".join(c.get(PREFIX, c.get(EXACT, "")) for c in own)
    return kind, slashes(text) or "/"


def regex_below(prefix, regex):
    """The prefix is text, and alternatives do not lead out of it."""
    quoted = prefix.replace(".", "\\.")
    return quoted.rstrip("/") + f"(?:{regex})" if quoted and "|" in regex else quoted + regex


def slashes(text):
    while "//" in text:
        text = text.replace("//", "/")
    return text


# ---- the tree ----


class Meaning:
    """hosts: {fqdn: [(Match, action)]} in the order of their ranks; an action is ("answer", status)
    or ("services", names). errors: {(namespace, name): {reason}}. rejected: objects that are not
    served at all."""

    def __init__(self, proxies, services):
        self.specs = {(p["metadata"]["namespace"], p["metadata"]["name"]): p["spec"] for p in proxies}
        self.services = services  # {(namespace, name)} that exist
        self.errors = {key: set() for key in self.specs}
        self.rejected, self.included = set(), set()
        self.hosts = {}
        for key in self.roots():
            self.root(key)
        for key, spec in self.specs.items():
            if "virtualhost" not in spec and key not in self.included:
                self.errors[key].add("Orphaned/Orphaned")
                self.rejected.add(key)

    def roots(self):
        return [key for key, spec in self.specs.items() if "virtualhost" in spec]

    def host(self, key):
        return self.specs[key]["virtualhost"]["fqdn"].lower()

    def root(self, key):
        spec = self.specs[key]
        if not spec.get("routes") and not spec.get("includes"):
            self.errors[key].add("SpecError/NothingDefined")
        elif key != min((other for other in self.roots() if self.host(other) == self.host(key)), key="/".join):
            self.errors[key].add("VirtualHostError/DuplicateVhost")
        else:
            last = dict(self.routes([key], []))  # of equal ones the last
            if last:
                self.hosts[self.host(key)] = sorted(last.items(), key=lambda item: item[0].rank())
            return
        self.rejected.add(key)

    def routes(self, way, levels):
        """The routes of the last HTTPProxy on the way from the root, those of its includes first.
        An error in one of its own removes all."""
        key = way[-1]
        spec = self.specs[key]
        found, good, seen = [], True, []
        for include in spec.get("includes", []):
            found += self.include(way, levels, include, seen)
        for route in spec.get("routes", []):
            try:
                found.append(self.route(key, levels, route))
            except Invalid as error:
                self.errors[key].add(f"RouteError/{error}")
                good = False
        if good:
            return found
        self.rejected.add(key)
        return []

    def include(self, way, levels, include, seen):
        key = way[-1]
        conditions = include.get("conditions", [])
        child = (include.get("namespace", key[0]), include["name"])
        try:
            check_paths(conditions, include=True)
        except Invalid as error:
            self.errors[key].add(f"IncludeError/{error}")
            return []
        try:
            match = merge([*levels, conditions])
        except Invalid as error:
            self.errors[key].add(f"RouteError/{error}")
            return []
        if match in seen and match != Match(PREFIX, "/", (), ()):
            self.errors[key].add("IncludeError/DuplicateMatchConditions")
            return []
        seen.append(match)
        if child in way[1:]:
            self.errors[child].add("IncludeError/IncludeCreatesCycle")
            return []
        if child not in self.specs:
            self.errors[key].add("IncludeError/IncludeNotFound")
        elif "virtualhost" in self.specs[child]:
            self.errors[key].add("IncludeError/RootIncludesRoot")
        else:
            self.included.add(child)
            return self.routes([*way, child], [*levels, conditions])
        return [(match, ("answer", 502))] if conditions else []

    def route(self, key, levels, route):
        conditions = route.get("conditions", [])
        check_paths(conditions, include=False)
        match = merge([*levels, conditions])
        if ("services" in route) + ("directResponsePolicy" in route) != 1:
            raise Invalid("RouteActionCountNotValid")
        if "directResponsePolicy" in route:
            return match, ("answer", route["directResponsePolicy"]["statusCode"])
        names = {(key[0], s["name"]) for s in route["services"]}
        if names - self.services:
            self.errors[key].add("ServiceError/ServiceUnresolvedReference")
        there = frozenset(names & self.services)
        return match, (("services", there) if there else ("answer", 503))
