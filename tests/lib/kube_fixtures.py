"""pytest's fixtures for network namespaces (netns.py) and a real Kubernetes API server (kube.py).

One server serves all tests of a worker that ask for `kube`: they share it, each in a `namespace` of
its own, and do not break it. A test that must break it asks for `own_kube`.
"""

import itertools

import pytest

import gateway_api
from kube import KubeCluster
from netns import NetworkNamespace, Unavailable
from programs import missing

namespaces = itertools.count(1)


def make(what, *args, **options):
    try:
        return what(*args, **options)
    except Unavailable as reason:
        missing(str(reason))


@pytest.fixture
def netns():
    """An empty network namespace."""
    with make(NetworkNamespace) as namespace:
        yield namespace


@pytest.fixture(scope="session")
def shared_kube(tmp_path_factory):
    with make(KubeCluster, tmp_path_factory.mktemp("kube")) as cluster:
        yield cluster


@pytest.fixture
def kube(shared_kube):
    """The session's KubeCluster, running."""
    shared_kube.ensure_running()
    return shared_kube


@pytest.fixture
def namespace(kube):
    """The name of a fresh Kubernetes namespace, deleted with all in it after the test."""
    name = f"test-{next(namespaces)}"
    kube.create_namespace(name)
    yield name
    kube.ensure_running()
    kube.delete_namespace(name)


@pytest.fixture(scope="module")
def gateway_kube(shared_kube):
    """The session's KubeCluster with Gateway API's CRDs, v1.7.0, experimental channel, while a file's tests run."""
    shared_kube.ensure_running()
    for definition in gateway_api.definitions().values():
        shared_kube.install(definition)
    yield shared_kube
    shared_kube.ensure_running()
    for definition in gateway_api.definitions().values():
        shared_kube.uninstall(definition)


@pytest.fixture
def own_kube(tmp_path, request):
    """A KubeCluster for one test alone, to kill, rewind and starve as it likes.

    @pytest.mark.parametrize("own_kube", [["--flag"]], indirect=True) gives the server flags.
    """
    flags = getattr(request, "param", ())
    with make(KubeCluster, tmp_path, apiserver_flags=flags) as cluster:
        yield cluster
