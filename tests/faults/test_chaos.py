"""All kinds of trouble for all stages, while requests flow through a real Envoy and objects change.

PORTOLAN_CHAOS_SEED=N repeats the order of a run; longer runs are in bench/soak.
"""

import contextlib
import os
import random

import pytest

import chaos
from addresses import loopback
from backends import Backend, Client, Load
from run import Run


@pytest.fixture(params=["chains", "shared"])
def running(folder, request):
    """(the run, its client, its backends, its runtime directory as a disk)"""
    address = loopback()
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(chaos.SmallDisk(folder / "run"))
        # Longer than a busy machine keeps a process from running.
        run = Run(folder, "--watchdog-msec", "6000", "--restart-max-msec", "300", "--tls-hosts", request.param,
                  address=address)
        backends = [stack.enter_context(Backend(name, address)) for name in ("one", "two")]
        site = chaos.Site(run.manifests, backends)
        site.begin()
        stack.enter_context(run)
        run.settle(chaos.PATIENCE)
        yield run, site, address, disk, ["--listen-address", address, "--tls-hosts", request.param]


def loads(site, address):
    """One client for each host that exists throughout: two keep their connections, two do not."""
    plain, secure = Client(address), Client(address, ca=site.authority.text)
    return [Load(plain, "still.example.com", threads=1, per_connection=100),
            Load(plain, "move.example.com", threads=1, per_connection=1),
            Load(plain, "paths.example.com", threads=1, per_connection=20),
            Load(secure, "tls.example.com", tls=True, threads=1, per_connection=3)]


def seed_of(record_property):
    seed = int(os.environ.get("PORTOLAN_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
    record_property("seed", seed)
    print(f"PORTOLAN_CHAOS_SEED={seed} repeats this order")
    return seed


def test_whatever_happens_to_the_stages_no_request_fails(running, folder, record_property):
    run, site, address, disk, options = running
    trouble = chaos.Chaos(run, seed_of(record_property), disk)
    witness = chaos.Witness(chaos.xds_address(run))
    with contextlib.ExitStack() as stack:
        stack.callback(witness.close)
        watching = stack.enter_context(chaos.Thread(witness.turn))
        users = [stack.enter_context(load) for load in loads(site, address)]

        def change():
            users[0].more(5, timeout=chaos.PATIENCE)
            site.change()

        with chaos.Thread(change) as changing:
            for kind, name in trouble.some():
                print(f"{kind} {name}")
                trouble.strike(kind, name)
                for load in users:
                    load.more(3, timeout=chaos.PATIENCE)
                assert [load.failed for load in users if load.failed] == []
        chaos.settle(run, clients=2)
    assert [load.failed for load in users if load.failed] == []
    assert [t.error for t in (watching, changing) if t.error] == []
    assert site.step > 10

    assert chaos.served(run) == chaos.from_scratch(run, folder, options)
    assert witness.withdrawn == [] and witness.needless == []
    assert witness.connections > 0
    counted = chaos.restarts(run)
    for name, deaths in trouble.expected_deaths.items():
        assert counted[name] >= deaths
    assert {n: counted[n] for n in chaos.STAGES} == chaos.status_restarts(run)
