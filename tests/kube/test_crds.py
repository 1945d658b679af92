"""Our CustomResourceDefinitions: a real API server takes them, and then takes, refuses and completes
objects as it does with Contour's own."""

import copy
import json
import re

import pytest
import yaml

import contour
import openapi
from crds import FOLDER, schema_of, shipped
from kube import poll
from kube_watcher import KubeWatcher
from programs import TOP

KINDS = ["HTTPProxy", "TLSCertificateDelegation", "ExtensionService", "ContourConfiguration", "ContourDeployment"]

# Where ours differ from those of the release that contour.py names: (path, what), both as regular
# expressions.
ALLOWED = [
    # Contour's main branch has it: authorization by HTTP, keys of tokens in a Secret,
    (r".*\.(authorization|globalExtAuth)", "x-kubernetes-validations"),
    (r".*\.(authorization|globalExtAuth)\.(serviceType|httpSettings).*", "exists"),
    (r".*\.jwtProviders\[\](\.remoteJWKS)?", "required|x-kubernetes-validations"),
    (r".*\.jwtProviders\[\]\.localJWKS.*", "exists"),
    (r"\.spec\.protocol", "enum"),
    # names that must not be empty,
    (r".*\.conditions\[\]\.header\.name", "minLength"),
    (r".*\.requestHeaderValueMatch\.headers\[\]\.name", "minLength"),
    (r"\.spec\.includes\[\]\.name", "minLength"),
    (r"\.spec\.virtualhost\.fqdn", "minLength"),
    # and more to configure.
    (r".*\.ecdhCurves.*", "exists"),
    (r".*\.listener\.(tls\.fingerprint|maxConnectionsToAcceptPerSocketEvent).*", "exists"),
    (r".*\.runtimeSettings.*", "exists"),
    (r".*\.tracing\.(client|random)Sampling", "exists"),
    # Contour takes any number here, and does not start with it.
    (r"\.spec(\.runtimeSettings)?\.(debug|health|metrics|xdsServer|envoy\..*)\.(port|adminPort)", "bounds"),
    # Volumes of the node, and of drivers, are not for a pod without rights.
    (r"\.spec\.envoy\.extraVolumes\[\]\..*", "exists"),
    # Only in ours.
    (r"\.spec\.portolan.*", "exists"),
]
# Demands of rules beyond "required".
NEEDED = {
    ".jwtProviders[]": {"remoteJWKS": {"uri": "https://keys.example/"}},
    ".allowedAuthorizationHeaders[]": {"exact": "a"},
    ".allowedUpstreamHeaders[]": {"exact": "a"},
}


def allowed(path, word=None):
    return [row for row in ALLOWED
            if re.fullmatch(row[0], path) and (word is None or re.fullmatch(row[1], word))]


@pytest.mark.parametrize("kind", KINDS)
def test_say_what_contours_say(kind):
    ours, theirs = shipped()[kind], contour.definitions()[kind]
    found = openapi.differences(schema_of(ours), schema_of(theirs))
    assert {k: v for k, v in found.items() if not allowed(*k)} == {}
    assert ours["metadata"]["name"] == theirs["metadata"]["name"]
    assert ours["spec"]["scope"] == theirs["spec"]["scope"]
    assert ours["spec"]["names"] == theirs["spec"]["names"]
    version, their_version = (d["spec"]["versions"] for d in (ours, theirs))
    for key in ("name", "served", "storage", "subresources", "additionalPrinterColumns"):
        assert [v.get(key) for v in version] == [v.get(key) for v in their_version]


def test_nothing_is_allowed_to_differ_that_does_not():
    found = {k for kind in KINDS for k in openapi.differences(
        schema_of(shipped()[kind]), schema_of(contour.definitions()[kind]))}
    used = [row for k in found for row in allowed(*k)]
    assert [row for row in ALLOWED if row not in used] == []


# ---- on a server ----

def test_kubectl_applies_them_and_knows_their_names_and_columns(own_kube):
    kube = own_kube
    kube.kubectl("apply", "-f", FOLDER)
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", FOLDER)
    again = kube.kubectl("apply", "-f", FOLDER).stdout.splitlines()
    assert len(again) == len(KINDS) and all(line.endswith(" unchanged") for line in again)
    for kind in KINDS:
        item = object_of(kind, {"spec": openapi.smallest(schema_of(shipped()[kind])["properties"]["spec"])})
        if kind == "HTTPProxy":
            item["spec"]["virtualhost"] = {"fqdn": "a.example", "tls": {"secretName": "cert"}}
        # The definition is there a little before its objects are.
        kube.install(shipped()[kind])
        kube.kubectl("apply", "-f", "-", input=json.dumps(item))
        for word in shipped()[kind]["spec"]["names"]["shortNames"]:
            rows = kube.kubectl("get", word).stdout.splitlines()
            assert len(rows) == 2 and rows[1].split()[0] == "a"
    rows = [re.split("  +", row.strip()) for row in kube.kubectl("get", "proxy").stdout.splitlines()]
    assert rows == [["NAME", "FQDN", "TLS SECRET", "STATUS", "STATUS DESCRIPTION"],
                    ["a", "a.example", "cert", "NotReconciled", "Waiting for controller"]]
    assert "Envoy" in kube.kubectl("explain", "proxy.spec.routes.healthCheckPolicy").stdout


def test_take_the_place_of_contours_and_keep_the_objects(own_kube, tmp_path):
    kube = own_kube
    kube.kubectl("apply", "-f", contour.folder() / "examples/contour/01-crds.yaml")
    for kind in KINDS:
        kube.install(contour.definitions()[kind])
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.translator() as translator:
        kube.client.create(object_of("HTTPProxy", {"spec": {"virtualhost": {"fqdn": "a.example"}}}))
        translator.wait_for("HTTPProxy", "default/a")
        translator.changes()
        kube.kubectl("apply", "-f", FOLDER)
        # Known only by ours, so they count when this is taken.
        def ours_count():
            item = object_of("HTTPProxy", {"spec": {"includes": [{"name": ""}]}}, "b")
            path = kube.client.path_of(item).rpartition("/")[0]
            return kube.client.request("POST", path, item, query={"dryRun": "All"}).status == 422

        poll(ours_count)
        kube.client.patch(object_of("HTTPProxy", {}), {"spec": {"virtualhost": {"fqdn": "b.example"}}})
        translator.wait_for("HTTPProxy", "default/a", lambda now: b"b.example" in now.value)
        assert translator.changes() == [("HTTPProxy", "default/a")]


def without_service_type(value):
    """A default that the release does not have."""
    match value:
        case dict():
            return {k: without_service_type(v) for k, v in value.items() if k != "serviceType"}
        case list():
            return [without_service_type(v) for v in value]
    return value



class Side:
    """One set of definitions, in a group of its own, on a server that has both."""

    def __init__(self, kube, group, definitions):
        self.kube = kube
        self.group = group
        for definition in definitions:
            definition = copy.deepcopy(definition)
            definition["spec"]["group"] = group
            definition["metadata"]["name"] = f"{definition['spec']['names']['plural']}.{group}"
            definition["metadata"].pop("annotations", None)
            kube.install(definition)

    def item(self, item):
        version = item["apiVersion"].rpartition("/")[2]
        return {**item, "apiVersion": f"{self.group}/{version}"}

    def answer(self, method, path, item):
        """(None, the result) or (the status, the wrong fields)."""
        response = self.kube.client.request(
            method, path, item, query={"dryRun": "All", "fieldValidation": "Strict"})
        said = response.json()
        if response.status < 300:
            return None, {key: without_service_type(said.get(key)) for key in ("spec", "status")}
        causes = said.get("details", {}).get("causes", [])
        # "<nil>" says that rules have not been looked at any more.
        return response.status, sorted({cause.get("field", "") for cause in causes} - {"<nil>"})

    def create(self, item):
        item = self.item(item)
        return self.answer("POST", self.kube.client.path_of(item).rpartition("/")[0], item)

    def set_status(self, item, status):
        """The object with that status; it exists."""
        path = self.kube.client.path_of(item, "status")
        return self.answer("PUT", path, {**item, "status": status})


@pytest.fixture(scope="module")
def sides(shared_kube):
    """Ours and Contour's, beside each other."""
    shared_kube.ensure_running()
    theirs = contour.definitions()
    both = [Side(shared_kube, "ours.example", [shipped()[kind] for kind in KINDS]),
            Side(shared_kube, "theirs.example", [theirs[kind] for kind in KINDS])]
    yield both
    shared_kube.ensure_running()
    for side in both:
        for kind in KINDS:
            plural = shipped()[kind]["spec"]["names"]["plural"]
            shared_kube.client.call("DELETE", shared_kube.client.path(
                "CustomResourceDefinition", name=f"{plural}.{side.group}"))


def object_of(kind, content, name="a"):
    version = shipped()[kind]["spec"]["versions"][0]["name"]
    return {"apiVersion": f"projectcontour.io/{version}", "kind": kind, **content,
            "metadata": {"name": name, "namespace": "default"}}


def generated(kind, part):
    """(path, value of `part`) from both schemas, each once."""
    seen = set()
    for definition in (shipped()[kind], contour.definitions()[kind]):
        schema = schema_of(definition)["properties"][part]
        for path, value in openapi.variants(schema, f".{part}", NEEDED):
            key = json.dumps([path, value], sort_keys=True)
            if key not in seen:
                seen.add(key)
                yield path, value


def compare(cases):
    """cases: (path, what, ask(side)). Returns the differences, and how many were accepted and
    refused."""
    wrong, counts = [], [0, 0]
    for path, what, (ours, theirs) in cases:
        counts[ours[0] is not None] += 1
        if ours != theirs and not allowed(path):
            wrong.append((path, what, ours, theirs))
    return wrong, counts


@pytest.mark.parametrize("kind", KINDS)
def test_objects_are_taken_refused_and_completed_as_with_contours(sides, kind):
    cases = [(path, spec, [side.create(object_of(kind, {"spec": spec})) for side in sides])
             for path, spec in generated(kind, "spec")]
    wrong, (accepted, refused) = compare(cases)
    print(f"{kind}: {accepted} taken, {refused} refused by both, {len(wrong)} differ")
    assert wrong == []
    assert accepted > 15 and refused > 15


@pytest.mark.parametrize("kind", KINDS)
def test_statuses_are_taken_and_refused_as_with_contours(sides, kind):
    schema = schema_of(shipped()[kind])
    item = object_of(kind, {"spec": openapi.smallest(schema["properties"]["spec"])}, "status")
    items = [side.kube.client.create(side.item(item)) for side in sides]
    try:
        cases = [(path, status, [side.set_status(i, status) for side, i in zip(sides, items)])
                 for path, status in generated(kind, "status")]
    finally:
        for item in items:
            sides[0].kube.client.delete(item)
    wrong, (accepted, refused) = compare(cases)
    print(f"{kind}: {accepted} taken, {refused} refused by both, {len(wrong)} differ")
    assert wrong == []
    assert accepted > 15 and refused > 15


def only_ours():
    """Names that the release lacks, without those inside of them."""
    found = {"http/1.1"}
    for kind in KINDS:
        theirs = dict(openapi.walk(schema_of(contour.definitions()[kind])))
        for path, _ in openapi.walk(schema_of(shipped()[kind])):
            parent, _, name = path.rpartition(".")
            if path not in theirs and parent in theirs and name.isalnum():
                found.add(name)
    return found


def documents():
    """All objects of our kinds in the golden tests, which are there for their mistakes, too."""
    newer = re.compile("|".join(f'"{word}"' for word in only_ours()))
    for file in sorted((TOP / "tests/golden").rglob("*.in.yaml")):
        try:
            items = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        except yaml.YAMLError:
            continue
        for item in items:
            if (isinstance(item, dict) and item.get("kind") in KINDS
                    and not newer.search(json.dumps(item, default=str))):
                yield str(file.relative_to(TOP)), item


def test_objects_of_the_golden_tests_are_taken_and_refused_as_with_contours(sides):
    wrong, count = [], 0
    for file, item in documents():
        item["metadata"] = {"name": "a", "namespace": "default"}
        item.pop("status", None)
        ours, theirs = (side.create(item) for side in sides)
        count += 1
        if ours[0] != theirs[0] or ours[0] is None and ours != theirs:
            wrong.append((file, item, ours, theirs))
    assert count > 100
    assert wrong == []
