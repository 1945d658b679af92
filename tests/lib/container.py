"""Containers by runc, as the kubelet runs a pod's under Pod Security's profile `restricted`, without a
kubelet. https://github.com/opencontainers/runtime-spec/blob/v1.1.0/config.md"""

import json
import os
import pathlib
import subprocess

SECCOMP = pathlib.Path("/usr/share/containers/seccomp.json")
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
          "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
PRIVATE = ["pid", "ipc", "uts", "mount"]


def runtime_default():
    """RuntimeDefault: the list that containers' tools ship, for a process without capabilities."""
    profile = json.loads(SECCOMP.read_text())
    calls = []
    for rule in profile["syscalls"]:
        wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        if wanted.get("caps") or (wanted.get("arches") and "amd64" not in wanted["arches"]):
            continue
        if "amd64" in (unwanted.get("arches") or ()):
            continue
        calls.append({k: v for k, v in {
            "names": rule["names"], "action": rule["action"], "args": rule.get("args"),
            "errnoRet": rule.get("errnoRet")}.items() if v})
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": calls}


class Container:
    """One that runs. mounts: {path inside: folder outside}; tmpfs: paths of memory volumes."""

    def __init__(self, folder, name, root, args, *, netns, mounts=None, env=(), uid=65532):
        self.dir = pathlib.Path(folder) / name
        self.dir.mkdir()
        self.name = f"portolan-{os.getpid()}-{name}"
        self.state = pathlib.Path(folder) / "runc"
        self.log = self.dir / "log"
        binds = [{"destination": at, "type": "bind", "source": str(source), "options": ["rbind", "nosuid", "nodev"]}
                 for at, source in (mounts or {}).items()]
        (self.dir / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2", "hostname": name, "root": {"path": str(root), "readonly": True},
            "process": {
                "user": {"uid": uid, "gid": uid, "additionalGids": [uid]}, "args": list(map(str, args)), "cwd": "/",
                "env": ["PATH=/usr/bin", *env], "noNewPrivileges": True,
                "capabilities": {k: [] for k in ("bounding", "effective", "permitted")}},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "size=1m"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
                *binds],
            "linux": {
                "namespaces": [*({"type": t} for t in PRIVATE),
                               {"type": "network", "path": f"/proc/{netns.holder.pid}/ns/net"}],
                "cgroupsPath": f"/{self.name}", "seccomp": runtime_default(),
                "maskedPaths": MASKED, "readonlyPaths": READ_ONLY},
        }))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["runc", "--root", self.state, "run", "--bundle", self.dir, self.name],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def exec(self, *args):
        return subprocess.run(["runc", "--root", self.state, "exec", self.name, *map(str, args)],
                              capture_output=True, text=True, timeout=60)

    def kill(self, signal="KILL"):
        subprocess.run(["runc", "--root", self.state, "kill", self.name, signal], capture_output=True)
        return self.process.wait(60)

    def logged(self):
        return self.log.read_text(errors="replace")

    def close(self):
        subprocess.run(["runc", "--root", self.state, "delete", "-f", self.name], capture_output=True)
        self.process.kill()
        self.process.wait()
