"""Helm, and the charts in helm/."""

import functools
import os
import pathlib
import subprocess

import yaml

from netns import Unavailable
from programs import TOP

CHART = TOP / "helm/portolan"
CRDS = TOP / "helm/portolan-crds"


@functools.cache
def binary():
    done = subprocess.run([TOP / "scripts/helm-binary"], capture_output=True, text=True)
    if done.returncode == 77:
        raise Unavailable(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(done.stderr)
    return pathlib.Path(done.stdout.strip())


def helm(*words, values=None, check=True, run=subprocess.run, **options):
    """Run Helm. values: a dict, as a file of values. run: where, such as a namespace's run()."""
    given = {"input": yaml.safe_dump(values)} if values is not None else {}
    more = ["--values", "-"] if values is not None else []
    done = run([binary(), *map(str, words), *more], capture_output=True, text=True, check=False,
               timeout=600, **given, **options)
    if check and done.returncode:
        raise AssertionError(f"helm {' '.join(map(str, words))}: {done.stderr}\n{done.stdout[-2000:]}")
    return done


def template(values=None, *words, release="portolan", namespace="portolan", chart=CHART):
    """The objects that the chart makes."""
    done = helm("template", release, chart, "--namespace", namespace, *words, values=values or {})
    return [o for o in yaml.safe_load_all(done.stdout) if o]


class Release:
    """A release in a cluster (kube.py or node.py)."""

    def __init__(self, cluster, namespace, name="portolan", chart=CHART):
        self.cluster = cluster
        self.namespace = namespace
        self.name = name
        self.chart = chart

    def helm(self, *words, **options):
        folder = str(self.cluster.folder)
        environment = {**os.environ, "HOME": folder, "KUBECONFIG": str(self.cluster.admin_kubeconfig)}
        return helm(*words, "--namespace", self.namespace, run=self.cluster.netns.run, env=environment, **options)

    def install(self, values=None, *words):
        return self.helm("install", self.name, self.chart, *words, values=values or {})

    def upgrade(self, values=None, *words):
        return self.helm("upgrade", self.name, self.chart, *words, values=values or {})

    def rollback(self, revision=0):
        return self.helm("rollback", self.name, *([revision] if revision else []))

    def uninstall(self, *words):
        return self.helm("uninstall", self.name, *words)
