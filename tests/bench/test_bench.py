"""bench/run works, and the results that do not depend on the machine's speed are as promised."""

import json
import os
import subprocess

import pytest

from programs import BUILD, SANITIZED, TOP


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    if SANITIZED:
        pytest.skip("speed means nothing in a build with sanitizers")
    folder = tmp_path_factory.mktemp("bench") / "results"
    run = [TOP / "bench" / "run", "--quick", "--output", folder]
    done = subprocess.run(run, env={**os.environ, "PORTOLAN_BUILD": str(BUILD)},
                          capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "bench.json").read_text())


def plain(result):
    return next(block for block in result["changes"] if not block["tls"])


@pytest.mark.parametrize("kind, most", [("endpoint", 3), ("path", 4), ("new_host", 8)])
def test_a_change_runs_the_same_few_units_again_each_time(result, kind, most):
    change = plain(result)["changes"][kind]
    assert 1 <= change["units"] <= change["units_max"] <= most


@pytest.mark.parametrize("kind", ["endpoint", "path", "new_host"])
def test_only_what_changed_is_sent(result, kind):
    change = plain(result)["changes"][kind]
    assert change["resource_bytes"] <= 1.1 * change["changed_bytes"]
    # The protocol's own part: a type URL or two, versions, nonces.
    assert change["response_bytes"] <= change["resource_bytes"] + 300 * 3


def test_every_client_gets_the_change(result):
    clients = result["clients"]
    assert clients["endpoint"]["spread_ms"]["n"] == 10


def test_a_replica_that_dies_has_nothing_sent_again(result):
    assert result["replicas"]["moved"] == 20
    assert result["replicas"]["again"] == 0
