"""kubeconfig files for tests."""

import base64

import yaml

from certs import Certificate


def write_kubeconfig(path, server, user=None, *, ca=None, cluster=None, namespace=None):
    """Write a kubeconfig of one context and return its path.

    user is a Certificate (embedded), or a dict for the file's `user`; ca is PEM text; cluster
    overrules fields of the file's `cluster`.
    """
    if isinstance(user, Certificate):
        user = {
            "client-certificate-data": base64.b64encode(user.chain.encode()).decode(),
            "client-key-data": base64.b64encode(user.key.encode()).decode(),
        }
    of_cluster = {"server": server}
    if ca:
        of_cluster["certificate-authority-data"] = base64.b64encode(ca.encode()).decode()
    context = {"cluster": "tests", "user": "tests"}
    if namespace:
        context["namespace"] = namespace
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": {**of_cluster, **(cluster or {})}}],
        "users": [{"name": "tests", "user": user or {}}],
        "contexts": [{"name": "tests", "context": context}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
