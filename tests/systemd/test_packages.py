"""The Debian packages: built from this checkout, looked at by lintian, and on a host that boots: installed,
upgraded under requests, and purged."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import uuid

import pytest

import boot
from backends import Backend, Load
from programs import SANITIZED, TOP, missing
from test_units import web

pytestmark = pytest.mark.xdist_group("packages")  # they are built once


@pytest.fixture(scope="module")
def packages():
    """{name: path}"""
    if SANITIZED:
        pytest.skip("packages are built by themselves")
    for tool in ("dpkg-buildpackage", "dh", "lintian"):
        if not shutil.which(tool):
            missing(f"no {tool} (scripts/deps --install package)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-deb-"))
    try:
        done = subprocess.run([TOP / "scripts" / "deb", folder], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        yield {p.name.split("_")[0]: p for p in folder.glob("*.deb")}
    finally:
        shutil.rmtree(folder)


def of(packages, *names):
    return [packages[name] for name in names or ("portolan", "portolan-envoy")]


def listed(package):
    text = subprocess.run(["dpkg-deb", "--contents", package], check=True, text=True, capture_output=True).stdout
    return {line.split()[5].lstrip(".") for line in text.splitlines()}


def newer(package, folder):
    """The same, as the next release."""
    tree = folder / package.stem
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", r"\g<0>+next", control.read_text(), flags=re.M))
    to = folder / f"{package.stem}+next.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, to], check=True, capture_output=True)
    return to


def test_lintian_finds_nothing_that_is_not_explained(packages):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                           *of(packages)], text=True, capture_output=True)
    assert done.returncode == 0 and not re.findall("^[EW]: .*", done.stdout, re.M), done.stdout + done.stderr


def test_the_packages_hold_what_they_should(packages):
    main, envoy = (listed(p) for p in of(packages))
    for path in ("/usr/bin/portolan", "/usr/libexec/portolan/portolan-watcher", "/etc/portolan/portolan.env",
                 "/etc/portolan/config.yaml", "/etc/portolan/manifests/README", "/usr/share/man/man1/portolan.1.gz",
                 "/usr/share/man/man8/portolan-watcher.8.gz", "/usr/lib/sysusers.d/portolan.conf",
                 "/usr/lib/tmpfiles.d/portolan.conf", "/usr/share/doc/portolan/copyright",
                 "/usr/share/bash-completion/completions/portolan", "/usr/share/zsh/vendor-completions/_portolan",
                 "/usr/share/fish/vendor_completions.d/portolan.fish"):
        assert path in main, path
    units = {pathlib.Path(p).name for p in main | envoy if p.endswith((".service", ".target"))}
    assert units == {"portolan.target", *(f"portolan-{s}.service" for s in (*boot.STAGES, "passwords", "recorder", "envoy"))}
    assert not [p for p in envoy if "bin" in p] and [p for p in envoy if p.endswith("portolan-envoy.service")]
    size = packages["portolan"].stat().st_size
    assert size < 3 << 20


class PackagedHost(boot.Host):
    """A host with the packages, without make install."""

    packages = ()

    def install(self):
        for package in self.packages:
            shutil.copy(package, self.root / "root")
        # A host that has booted before, with Debian's presets: packages enable their units.
        (self.root / "etc/systemd/system-preset/00-tests.preset").unlink()
        (self.root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        self.dpkg_outside("--install", *(f"/root/{p.name}" for p in self.packages))

    def dpkg_outside(self, *words):
        done = subprocess.run(["chroot", self.root, "dpkg", *words], text=True, capture_output=True,
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def host(packages):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-boot-"))
    PackagedHost.packages = of(packages)
    host = PackagedHost(folder / "root")
    try:
        host.boot()
        yield host
    finally:
        host.cut_power()
        subprocess.run(["rm", "-rf", "--one-file-system", folder])


@pytest.fixture(scope="module")
def backend(host):
    with Backend("web", host.address) as backend:
        yield backend


def left(host, *folders):
    return sorted(str(p.relative_to(host.root)) for f in folders for p in (host.root / f).rglob("*"))


def test_what_is_installed_serves_is_upgraded_under_requests_and_leaves_nothing(host, backend, packages):
    # Installed: the user is there, the target and the stages are enabled and run, the recorder is not.
    assert host.run("id", "-un", "portolan").strip() == "portolan"
    host.systemctl("start", "portolan.target")
    for unit in ("portolan.target", *(f"portolan-{s}" for s in (*boot.STAGES, "envoy"))):
        assert host.systemctl("is-enabled", unit).strip() == "enabled"
    for unit in ("portolan-recorder", "portolan-passwords"):
        assert host.systemctl("is-enabled", unit, check=False).strip() == "disabled"
    host.write("web.yaml", *web("web", backend))
    assert host.client.get("web.example.com").backend == "web"
    before = host.pids()

    # Upgraded: each stage is another process, Envoy the same one, no request is lost.
    for package in of(packages):
        shutil.copy(newer(package, host.root.parent), host.root / "root")
    with Load(host.client, "web.example.com") as load:
        host.run("sh", "-c", "dpkg --install /root/*+next.deb", timeout=120)
        host.settle()
        load.more(50)
    after = host.pids()
    assert load.failed == []
    assert [s for s in before if before[s] == after[s]] == ["envoy"]

    # Purged: our files are gone, those of others stay.
    host.run("dpkg", "--purge", "portolan-envoy", "portolan", timeout=120)
    assert host.systemctl("list-units", "--plain", "--no-legend", "portolan*", check=False).strip() == ""
    assert left(host, "usr/libexec/portolan", "var/lib/portolan", "usr/share/doc/portolan") == []
    assert not (host.root / "usr/bin/portolan").exists() and not (host.runtime / "watcher.control").exists()
    files = {p for p in left(host, "etc/portolan") if (host.root / p).is_file()}
    assert files == {"etc/portolan/host.env", "etc/portolan/manifests/web.yaml"}
