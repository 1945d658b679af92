"""The command of the README, literally: on this build, without looking for packages."""

import subprocess

from programs import BUILD, TOP, venv


def test_quickstart_does_what_it_says():
    venv("envoy")  # or the test is skipped
    done = subprocess.run(
        [TOP / "scripts/quickstart", "--check", "--no-deps", "--build", BUILD],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert done.stdout.count("\nok ") >= 14
    assert done.stdout.endswith("All is as it should be.\n")
