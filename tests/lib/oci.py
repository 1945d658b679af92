"""Images of one layer, written as OCI archives without any tool for images.

https://github.com/opencontainers/image-spec/blob/v1.1.0/spec.md
"""

import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile


def _add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def write_image(path, name, tree, *, user="65532:65532", entrypoint=()):
    """Write an archive with one image: the files below tree, owned by root. name has a tag."""
    layer = pathlib.Path(f"{path}.layer")
    with tarfile.open(layer, "w") as tar:
        tar.add(tree, arcname=".", filter=_owned_by_root)
    digest = hashlib.file_digest(open(layer, "rb"), "sha256").hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"User": user, "Entrypoint": list(entrypoint), "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": f"sha256:{digest}", "size": layer.stat().st_size}],
    }).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [{
        **_descriptor("application/vnd.oci.image.manifest.v1+json", manifest),
        "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name},
    }]}).encode()
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", index)
        for blob in (config, manifest):
            _add(archive, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        archive.add(layer, arcname=f"blobs/sha256/{digest}")
    layer.unlink()
    return path


def _descriptor(kind, data):
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _owned_by_root(info):
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def copy_with_libraries(program, tree, at):
    """Put a program into the tree at that path, with the libraries that ldd names."""
    target = pathlib.Path(tree) / at.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-L", "--reflink=auto", program, target], check=True)
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        library = next((w for w in line.split() if w.startswith("/")), None)
        if library:
            there = pathlib.Path(tree) / library.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            if not there.exists():
                subprocess.run(["cp", "-L", os.path.realpath(library), there], check=True)
