"""Gateway API's own CustomResourceDefinitions, examples and tests' manifests, from its module at
Go's proxy; no copy is kept here."""

import functools
import json
import pathlib
import shutil
import subprocess
import zipfile

import yaml

from programs import missing

MODULE = "sigs.k8s.io/gateway-api"
NEWEST = "v1.7.0"
# The module of our conformance suite: the newest that Go 1.26 can build.
SUITE = "v1.6.3"
CONFORMANCE = f"{MODULE}/conformance"
SUMS = {
    f"{MODULE}@v1.7.0": "h1:duVnm7nO6oXfMMUWfcDoBph47CYR/ME3NGxccOVglaY=",
    f"{MODULE}@v1.6.3": "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
    f"{CONFORMANCE}@v1.6.3": "h1:UxhSb1GrDsyl+PdKe3g8a/BFWgP6hzy2PPFmZRgqeMQ=",
}
# All but XMesh, which is not for gateways.
KINDS = ["GatewayClass", "Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute",
         "ReferenceGrant", "BackendTLSPolicy", "XBackend", "XBackendTrafficPolicy", "XTelemetryPolicy"]


@functools.cache
def files(module):
    """The files of "MODULE@VERSION", as a ZipFile. Skips the test if there is no Go to fetch it.

    v1.7.0 needs a newer Go than may be installed, so Go does not unpack it; we only read its YAML.
    """
    if not shutil.which("go"):
        missing("no Go here, to get Gateway API's CustomResourceDefinitions with")
    done = subprocess.run(["go", "mod", "download", "-json", module], cwd="/",
                          stdout=subprocess.PIPE, text=True, check=False)
    got = json.loads(done.stdout or "{}")
    if "Zip" not in got:
        missing(f"{module}: {got.get('Error')}")
    assert got["Sum"] == SUMS[module]
    return zipfile.ZipFile(pathlib.Path(got["Zip"]))


def documents(module, folder=""):
    """(path in the module, document) of all YAML files below a folder."""
    found = files(module)
    for name in sorted(found.namelist()):
        if name.startswith(f"{module}/{folder}") and name.endswith((".yaml", ".yml")):
            # A placeholder that the suite replaces.
            for document in yaml.safe_load_all(found.read(name).replace(b"{GATEWAY_CONTROLLER_NAME}", b"example.com/a")):
                if isinstance(document, dict):
                    yield name.removeprefix(f"{module}/"), document


@functools.cache
def definitions(version=NEWEST, channel="experimental"):
    """{kind: CustomResourceDefinition} of a channel, "standard" or "experimental"."""
    return {d["spec"]["names"]["kind"]: d for _, d in documents(f"{MODULE}@{version}", f"config/crd/{channel}/")
            if d.get("kind") == "CustomResourceDefinition"}
