"""A refusal belongs to the Envoys that made it: the others go on, and it ends with them."""

import contextlib
import json
import re
import subprocess
import urllib.request

import pytest

from certs import Authority
from control_sockets import FakeStage
from events import Deadline
from objects import app, proxy, tls_secret, to
from programs import program
from xds_client import World


def statuses(pipeline):
    rows = json.loads(pipeline.translator.get("/debug/statuses"))
    return {f"{r['kind']} {r['namespace']}/{r['name']}": r for r in rows}


def problems(pipeline, name):
    return {p["reason"]: p["message"] for p in statuses(pipeline).get(name, {}).get("problems", [])}


def hosts(world):
    routes = world.resources["RDS"].get("ingress_http")
    return {d for h in routes.virtual_hosts for d in h.domains} if routes else set()


def until(done, *worlds):
    """The clients receive and answer everything sent; the translator's statuses follow."""
    end = Deadline(60)
    while not done():
        for world in worlds:
            world.quiet()
        end.left("statuses that say so")


def told(pipeline, name, reason):
    """The statuses of the objects of that name."""
    return [said[reason] for kind in ("HTTPProxy", "Ingress", "Service", "Secret")
            if reason in (said := problems(pipeline, f"{kind} default/{name}"))]


def refuse_all(response):
    return "not to my taste" if response.resources else None


def refuse_bad(response):
    return "no bad" if any("bad.example.com" in h.domains for r in response.resources.values()
                           for h in getattr(r, "virtual_hosts", ())) else None


@pytest.mark.parametrize("first", ["the good one", "the bad one"])
def test_one_that_refuses_everything_changes_nothing_for_another(pipeline, first):
    good, bad = None, None
    try:
        for who in (first, "rest"):
            if "bad" in who or (who == "rest" and bad is None):
                bad = World(pipeline.xds_address, node="bad", refuse=refuse_all)
            else:
                good = World(pipeline.xds_address, node="good")
        for n in range(5):
            pipeline.write(f"a{n}.yaml", *app(f"a{n}", f"10.0.0.{n + 1}", 80))
            good.until(lambda w: f"a{n}.example.com" in hosts(w))
            bad.quiet()
        assert {f"a{n}.example.com" for n in range(5)} <= hosts(good)
        pipeline.write("a0.yaml", *app("a0", "10.0.0.1", 80, host="b.example.com"))
        good.until(lambda w: "b.example.com" in hosts(w) and "a0.example.com" not in hosts(w))
        assert not good.refused
        # Nothing is rejected, and the refusing Envoys are named if a resource has an owner.
        until(lambda: told(pipeline, "a1", "RejectedBySomeEnvoys"), good, bad)
        assert statuses(pipeline)["Service default/a1"]["verdict"] == "accepted"
        [said] = told(pipeline, "a1", "RejectedBySomeEnvoys")
        assert said.startswith("Envoy bad refuses") and "not to my taste" in said
        bad.close()
        bad = None
        until(lambda: not any("RejectedBySomeEnvoys" in problems(pipeline, name)
                              for name in statuses(pipeline)), good)
        with World(pipeline.xds_address, node="late") as late:
            late.until(lambda w: "b.example.com" in hosts(w))
    finally:
        for world in (good, bad):
            if world:
                world.close()


def secure(*names):
    """Objects of which each makes a filter chain, a part of the listener."""
    authority = Authority()
    return [o for n in names for o in (
        *app(n, "10.0.0.1", 80)[1:], tls_secret(n, authority.issue(f"{n}.example.com")),
        proxy(n, to(n), fqdn=f"{n}.example.com", tls={"secretName": n}))]


def refused(world, name):
    return [n for r in world.refused for n in r.resources if n.startswith(name)]


def chains(world):
    """Of each version of the listener that the client has received: the names of its filter chains."""
    return [{n for c in r.resources["ingress_https"].filter_chains for n in c.filter_chain_match.server_names}
            for r in world.log if r.type == "LDS" and "ingress_https" in r.resources]


@pytest.mark.parametrize("killed", [("xds-server",), ("xds-server", "translator")])
def test_one_that_refuses_and_is_the_first_to_come_back_takes_nothing_from_the_next(pipeline, killed):
    """Neither stage knows then what others had accepted."""
    pipeline.write("a.yaml", *secure("a"))
    with World(pipeline.xds_address, node="good") as good, \
            World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        good.until(lambda _: chains(good))
        bad.quiet()
    for stage in killed:
        pipeline.stages[stage].kill()
    for stage in killed:
        pipeline.stages[stage].start(ready=False)
    pipeline.settle()
    with World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        until(lambda: refused(bad, "ingress_https"), bad)
        # The translator has heard of it before it sends this.
        pipeline.write("later.yaml", *app("later", "10.0.0.9", 80))
        until(lambda: refused(bad, "default/later/"), bad)
        with World(pipeline.xds_address, node="good") as good:
            until(lambda: told(pipeline, "a", "RejectedBySomeEnvoys"), good, bad)
            assert chains(good) == [{"a.example.com"}]


def test_one_that_refuses_and_stays_when_the_good_one_leaves_for_a_moment_takes_nothing_from_it(pipeline):
    pipeline.write("a.yaml", *secure("a"))
    with World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        with World(pipeline.xds_address, node="good") as good:
            until(lambda: told(pipeline, "a", "RejectedBySomeEnvoys"), good, bad)
        bad.quiet()
        with World(pipeline.xds_address, node="good") as good:
            until(lambda: told(pipeline, "a", "RejectedBySomeEnvoys"), good, bad)
            good.quiet()
            assert chains(good) == [{"a.example.com"}]


def test_a_host_that_all_refuse_is_offered_to_one_that_comes_later(pipeline):
    pipeline.write("good.yaml", *app("good", "10.0.0.1", 80))
    with World(pipeline.xds_address, node="old", refuse=refuse_bad) as old:
        old.until(lambda w: "good.example.com" in hosts(w))
        pipeline.write("bad.yaml", *app("bad", "10.0.0.2", 80))
        until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), old)
        with World(pipeline.xds_address, node="new") as new:
            until(lambda: told(pipeline, "bad", "RejectedBySomeEnvoys"), old, new)
            new.until(lambda w: hosts(w) == {"good.example.com", "bad.example.com"})
            assert hosts(old) == {"good.example.com"}


def test_what_was_refused_before_an_envoy_asked_for_it_is_offered_to_that_one(pipeline):
    """As Envoy asks for listeners when its clusters are ready."""
    pipeline.write("a.yaml", *secure("a"))
    with World(pipeline.xds_address, node="slow", types=("CDS",)) as slow, \
            World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        until(lambda: problems(pipeline, "HTTPProxy default/a").get("RejectedByEnvoy"), bad, slow)
        for kind in ("EDS", "LDS", "RDS", "SDS"):
            slow.resources[kind], slow.versions[kind] = {}, {}
        slow.stream.subscribe("LDS")
        until(lambda: {"a.example.com"} in chains(slow), bad, slow)


def test_what_came_while_the_good_one_was_away_is_offered_to_it(pipeline):
    pipeline.write("a.yaml", *secure("a"))
    with World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        with World(pipeline.xds_address, node="good") as good:
            until(lambda: told(pipeline, "a", "RejectedBySomeEnvoys"), good, bad)
        pipeline.write("b.yaml", *secure("b"))
        until(lambda: told(pipeline, "b", "RejectedByEnvoy"), bad)
        with World(pipeline.xds_address, node="good") as good:
            until(lambda: {"a.example.com", "b.example.com"} in chains(good), bad, good)


def test_what_all_refuse_is_offered_to_one_that_comes_later(pipeline):
    """And to the next, after some seconds, if that one refuses it as well."""
    pipeline.write("a.yaml", *secure("a", "b"))
    with World(pipeline.xds_address, node="bad", refuse=refuse_all) as bad:
        until(lambda: told(pipeline, "a", "RejectedByEnvoy"), bad)
        with World(pipeline.xds_address, node="worse", refuse=refuse_all) as worse:
            until(lambda: worse.refused and told(pipeline, "a", "RejectedByEnvoy"), bad, worse)
            with World(pipeline.xds_address, node="good") as good:
                until(lambda: {"a.example.com", "b.example.com"} in chains(good), bad, worse, good)
                until(lambda: told(pipeline, "a", "RejectedBySomeEnvoys"), bad, worse, good)
                assert chains(good)[-1] == {"a.example.com", "b.example.com"}
                assert pipeline.translator.metrics()["portolan_translator_held"] == 0


def test_one_that_never_answers_does_not_hold_up_what_is_known_of_a_refusal(pipeline):
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 80))
    with World(pipeline.xds_address, node="silent") as silent, \
            World(pipeline.xds_address, node="envoy") as envoy:
        envoy.until(lambda w: "a.example.com" in hosts(w))
        assert silent  # which has received nothing and says nothing more
        envoy.refuse = refuse_bad
        pipeline.write("bad.yaml", *app("bad", "10.0.0.2", 80))
        pipeline.write("c.yaml", *app("c", "10.0.0.3", 80))
        envoy.until(lambda w: "c.example.com" in hosts(w), timeout=60)
        assert "bad.example.com" not in hosts(envoy)
        assert "Envoy envoy refuses" in problems(pipeline, "Ingress default/bad")["RejectedByEnvoy"]


def test_a_refusal_ends_when_those_that_made_it_have_left_also_over_restarts(pipeline):
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 80))
    with World(pipeline.xds_address, node="old", refuse=refuse_bad) as old:
        old.until(lambda w: "a.example.com" in hosts(w))
        pipeline.write("bad.yaml", *app("bad", "10.0.0.2", 80))
        until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), old)
        # One that connects again has not left.
        old.close()
    with World(pipeline.xds_address, node="old", refuse=refuse_bad) as old:
        old.quiet()
        assert "RejectedByEnvoy" in problems(pipeline, "Ingress default/bad")
    for stage in ("xds-server", "translator"):
        pipeline.stages[stage].kill()
        pipeline.stages[stage].start(ready=False)
    pipeline.settle()
    with World(pipeline.xds_address, node="new") as new:
        new.until(lambda w: "bad.example.com" in hosts(w), timeout=60)
        until(lambda: not told(pipeline, "bad", "RejectedByEnvoy"), new)


def test_a_shared_table_stays_whole_where_it_is_refused_and_each_host_that_is_missing_is_named(pipeline):
    """Envoy takes or refuses a table as a whole: from the bad host on it gets no later change of another host in it."""
    def missing():
        return {n for n in ("bad", "good", "late", "other") if told(pipeline, n, "RejectedBySomeEnvoys")}

    pipeline.write("other.yaml", *app("other", "10.0.0.1", 80))
    pipeline.write("good.yaml", *app("good", "10.0.0.2", 80))
    with World(pipeline.xds_address, node="old", refuse=refuse_bad) as old, World(pipeline.xds_address, node="new") as new:
        until(lambda: all("good.example.com" in hosts(w) for w in (old, new)), old, new)
        pipeline.xds.wait_accepted(pipeline.settle(), envoys=2)
        pipeline.write("bad.yaml", *app("bad", "10.0.0.3", 80))
        until(lambda: missing() == {"bad"}, old, new)
        pipeline.write("late.yaml", *app("late", "10.0.0.4", 80))
        pipeline.write("good.yaml", *app("good", "10.0.0.2", 80, host="moved.example.com"))
        until(lambda: missing() == {"bad", "good", "late"}, old, new)
        assert hosts(old) == {"other.example.com", "good.example.com"}
        assert hosts(new) == {f"{n}.example.com" for n in ("other", "bad", "late", "moved")}
        shown = subprocess.run([program("portolan"), "status", "--problems", f"--runtime-dir={pipeline.dir}"],
                               capture_output=True, text=True, timeout=60).stdout
        assert shown.count("Envoy old refuses the table ingress_http, which has routes of this object: no bad.") == 3, shown
        assert "Envoy old refuses 1 resource of kind route, and goes on with what it accepted before; it said last: no bad\n" in shown
        # Endpoints and clusters are resources of their own.
        pipeline.write("other.yaml", *app("other", "10.0.0.9", 80))
        old.until(lambda w: any(w.endpoints(n) == ["10.0.0.9:80"] for n in w.resources["EDS"]))
        pipeline.remove("late.yaml")
        until(lambda: missing() == {"bad", "good"}, old, new)
        pipeline.write("bad.yaml", *app("bad", "10.0.0.3", 80, host="mended.example.com"))
        until(lambda: not missing(), old, new)
        assert hosts(old) == hosts(new) == {f"{n}.example.com" for n in ("other", "mended", "moved")}


@pytest.mark.parametrize("type", ["CDS", "EDS", "RDS", "SDS"])
def test_a_first_version_that_is_refused_is_told_to_its_objects(pipeline, type):
    authority = Authority()
    secret = tls_secret("bad", authority.issue("bad.example.com"))
    objects = [*app("bad", "10.0.0.2", 80)[1:], secret,
               proxy("bad", to("bad"), fqdn="bad.example.com", tls={"secretName": "bad"})]

    def refuse(response):
        bad = response.type == type and any("bad" in n for n in response.resources)
        return f"no {type}" if bad else None

    pipeline.write("good.yaml", *app("good", "10.0.0.1", 80))
    with World(pipeline.xds_address, node="envoy", refuse=refuse) as world:
        world.quiet()
        pipeline.xds.wait_accepted(pipeline.settle())
        pipeline.write("bad.yaml", *objects)
        until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), world)
        said = told(pipeline, "bad", "RejectedByEnvoy")[0]
        assert f"no {type}" in said and said.startswith("Envoy envoy refuses"), said
        assert pipeline.translator.metrics()["portolan_translator_rejects_total"] >= 1
        refused = len(world.refused)
        # It is not tried again, its neighbours change, and mended it is served.
        pipeline.write("good.yaml", *app("good", "10.0.0.1", 80, host="other.example.com"))
        world.until(lambda w: "other.example.com" in hosts(w))
        assert len(world.refused) == refused
        world.refuse = lambda _: None
        pipeline.remove("bad.yaml")
        world.quiet()
        assert "HTTPProxy default/bad" not in statuses(pipeline)
        pipeline.write("bad.yaml", *objects)
        until(lambda: any("bad" in n for n in world.resources[type]), world)
        assert not told(pipeline, "bad", "RejectedByEnvoy")


def ask(pipeline, *words):
    run = subprocess.run([program("portolan"), *words, f"--runtime-dir={pipeline.dir}"], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout or run.stderr


def page(pipeline):
    """The first page of the admin port."""
    admin = subprocess.Popen([program("portolan-admin"), "--runtime-dir", pipeline.dir, "--admin-address", "127.0.0.1:0"],
                             stderr=subprocess.PIPE, text=True)
    try:
        at = re.search(r"listening at (http://\S+)", admin.stderr.readline())[1]
        with urllib.request.urlopen(at, timeout=60) as answer:
            return answer.read().decode()
    finally:
        admin.terminate()
        admin.wait(60)
        admin.stderr.close()


def name_of(type):
    """Of the resource that is refused."""
    return {"CDS": "cluster default/bad/80/", "EDS": "endpoint default/bad", "RDS": "route https/bad.example.com",
            "SDS": "secret default/bad"}[type]


# What a request meets at an Envoy that lacks one resource of its host.
LACKS = {"CDS": "answered with 503", "EDS": "answered with 503", "RDS": "answered with 404", "SDS": "the handshake fails"}


@pytest.mark.parametrize("type", LACKS)
def test_explain_wait_and_routes_say_what_a_refused_first_version_means(pipeline, type):
    authority = Authority()
    objects = [*app("bad", "10.0.0.2", 80)[1:], tls_secret("bad", authority.issue("bad.example.com")),
               proxy("bad", to("bad"), fqdn="bad.example.com", tls={"secretName": "bad"})]
    url, effect = "https://bad.example.com/", LACKS[type]

    def refuse(response):
        return f"no {type}" if response.type == type and any("bad" in n for n in response.resources) else None

    pipeline.write("good.yaml", *app("good", "10.0.0.1", 80))
    with World(pipeline.xds_address, node="envoy", refuse=refuse) as envoy:
        envoy.quiet()
        pipeline.write("bad.yaml", *objects)
        until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), envoy)
        code, text = ask(pipeline, "explain", url)
        assert code == 1 and effect in text.splitlines()[0], text
        assert f"Envoy envoy refuses {name_of(type)}" in text and f"no {type}" in text.splitlines()[0], text
        code, text = ask(pipeline, "explain", url, "--json")
        answer = json.loads(text)
        assert not answer["served"]
        [refusal] = answer["refused"]
        assert f"{refusal['kind']} {refusal['name']}".startswith(name_of(type))
        assert (refusal["envoys"], refusal["refuse"], refusal["of"], refusal["message"]) == (["envoy"], 1, 1, f"no {type}")
        assert ask(pipeline, "explain", "http://good.example.com/")[0] == 0
        [row] = [r for r in ask(pipeline, "routes")[1].splitlines() if r.startswith("bad.")]
        assert " refused " in row, row
        assert f"<small>Envoy envoy refuses {name_of(type)}" in page(pipeline)
        assert (f"Envoy envoy refuses 1 resource of kind {name_of(type).split()[0]}, and goes on without it; it said last: no {type}\n"
                in ask(pipeline, "status", "--problems")[1])
        code, text = ask(pipeline, "wait", "httpproxy/default/bad", "--timeout", "5s")
        assert code == 1 and "HTTPProxy default/bad: Envoys refuse what it makes\n" in text, text
        # One that accepts it: there is an answer now, and a word about the other.
        with World(pipeline.xds_address, node="another") as another:
            until(lambda: told(pipeline, "bad", "RejectedBySomeEnvoys"), envoy, another)
            code, text = ask(pipeline, "explain", url)
            assert code == 0 and "is forwarded to" in text.splitlines()[0], text
            assert f"refused        {name_of(type)}" in text and "by 1 of 2 Envoys (envoy): no" in text, text
            assert "without that, " in text
            [row] = [r for r in ask(pipeline, "routes")[1].splitlines() if r.startswith("bad.")]
            assert " 1/1 " in row, row


def test_a_listener_that_some_refuse_is_told_to_the_hosts_whose_chains_they_lack(pipeline):
    def refuse(response):
        chains = [n for r in response.resources.values() for c in getattr(r, "filter_chains", ())
                  for n in c.filter_chain_match.server_names]
        return "no such chain" if "bad.example.com" in chains else None

    pipeline.write("good.yaml", *secure("good"))
    with World(pipeline.xds_address, node="old", refuse=refuse) as old, World(pipeline.xds_address, node="new") as new:
        until(lambda: chains(old) and chains(new), old, new)
        pipeline.xds.wait_accepted(pipeline.settle(), envoys=2)
        pipeline.write("bad.yaml", *secure("bad"))
        until(lambda: told(pipeline, "bad", "RejectedBySomeEnvoys"), old, new)
        pipeline.write("late.yaml", *secure("late"))
        until(lambda: told(pipeline, "late", "RejectedBySomeEnvoys"), old, new)
        [said] = told(pipeline, "late", "RejectedBySomeEnvoys")
        assert said.startswith("Envoy old refuses the listener ingress_https, which has a filter chain of this object: no such chain. ")
        assert not told(pipeline, "good", "RejectedBySomeEnvoys")
        for name, listed in ("good", False), ("bad", True), ("late", True):
            code, text = ask(pipeline, "explain", f"https://{name}.example.com/")
            assert code == 0 and ("refused        listener ingress_https, by 1 of 2 Envoys (old)" in text) == listed, text
        pipeline.remove("bad.yaml")
        until(lambda: not told(pipeline, "late", "RejectedBySomeEnvoys"), old, new)
        assert chains(old)[-1] == {"good.example.com", "late.example.com"}


def test_explain_of_hosts_in_a_table_that_some_refuse(pipeline):
    pipeline.write("good.yaml", *app("good", "10.0.0.2", 80))
    with World(pipeline.xds_address, node="old", refuse=refuse_bad) as old, World(pipeline.xds_address, node="new") as new:
        until(lambda: all("good.example.com" in hosts(w) for w in (old, new)), old, new)
        pipeline.xds.wait_accepted(pipeline.settle(), envoys=2)
        pipeline.write("bad.yaml", *app("bad", "10.0.0.3", 80))
        until(lambda: told(pipeline, "bad", "RejectedBySomeEnvoys"), old, new)
        for name, listed in ("good", False), ("bad", True):
            code, text = ask(pipeline, "explain", f"http://{name}.example.com/")
            assert code == 0 and ("refused        route ingress_http, by 1 of 2 Envoys (old): no bad" in text) == listed, text


@pytest.mark.parametrize("type", ["EDS", "RDS", "SDS"])  # a changed cluster has another name
def test_a_later_version_is_as_new_as_the_first_where_nobody_has_accepted_that(pipeline, type):
    """It is not said that an accepted version is served: there is no such version."""
    authority = Authority()

    def write(n):
        pipeline.write("bad.yaml", *app("bad", f"10.0.0.{n}", 80)[1:], tls_secret("bad", authority.issue("bad.example.com")),
                       proxy("bad", {**to("bad"), "timeoutPolicy": {"response": f"{n}s"}}, fqdn="bad.example.com",
                             tls={"secretName": "bad"}))

    def refuse(response):
        return f"no {type}" if response.type == type and any("bad" in n for n in response.resources) else None

    with World(pipeline.xds_address, node="envoy", refuse=refuse) as envoy:
        for n in range(1, 4):
            write(n)
            pipeline.settle()
            envoy.quiet()
            until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), envoy)
            assert all(m.endswith("It is not served there") for m in told(pipeline, "bad", "RejectedByEnvoy"))
            assert LACKS[type] in ask(pipeline, "explain", "https://bad.example.com/")[1].splitlines()[0]
        assert pipeline.translator.metrics()["portolan_translator_held"] == 0
        envoy.refuse = lambda _: None
        write(9)
        until(lambda: not told(pipeline, "bad", "RejectedByEnvoy"), envoy)
        envoy.quiet()
        pipeline.xds.wait_accepted(pipeline.settle())
        code, text = ask(pipeline, "explain", "https://bad.example.com/")
        assert code == 0 and "10.0.0.9:80" in text, text


def refuse_bad_chain(response):
    return "no bad" if any("bad.example.com" in c.filter_chain_match.server_names for r in response.resources.values()
                           for c in getattr(r, "filter_chains", ())) else None


@pytest.mark.parametrize("scheme, refuse", [("http", refuse_bad), ("https", refuse_bad_chain)])
def test_a_host_that_all_refuse_is_not_said_to_be_nobodys(pipeline, scheme, refuse):
    def objects(n):
        return app(n, "10.0.0.1", 80) if scheme == "http" else secure(n)

    pipeline.write("good.yaml", *objects("good"))
    with World(pipeline.xds_address, node="envoy", refuse=refuse) as envoy:
        envoy.quiet()
        pipeline.write("bad.yaml", *objects("bad"))
        until(lambda: told(pipeline, "bad", "RejectedByEnvoy"), envoy)
        code, text = ask(pipeline, "explain", f"{scheme}://bad.example.com/")
        assert code == 1 and "Envoy envoy refuses what objects make of host bad.example.com: no bad" in text.splitlines()[0], text
        rows = {r.split(".")[0]: r for r in ask(pipeline, "routes")[1].splitlines()}
        assert " refused " in rows["bad"] and " 1/1 " in rows["good"], rows
        assert ask(pipeline, "explain", f"{scheme}://good.example.com/")[0] == 0
        code, text = ask(pipeline, "explain", f"{scheme}://other.example.com/")
        assert code == 1 and "no object serves" in text, text


@pytest.mark.parametrize(("counts", "instead"), [
    ({"rejected": 1, "lacking": 0}, "with what it accepted before"),
    ({"rejected": 1, "lacking": 1}, "without it"),
    ({"rejected": 2, "lacking": 2}, "without them"),
    ({"rejected": 3, "lacking": 1}, "with what it accepted before in place of 2 of them, and without 1 of them"),
    # A client of the state of the world does not say what it holds.
    ({"rejected": 1}, "with what it accepted before, or without it"),
    ({"rejected": 2}, "with what it accepted before, or without them"),
])
def test_status_says_no_more_than_is_known_about_what_a_refusing_envoy_goes_on_with(folder, counts, instead):
    envoys = [{"node_id": "old", "last_reject": "no", "types": {"route": counts, "cluster": {"rejected": 0}}}]
    pages = {"watcher": {"/debug/statuses": []}, "xds-server": {"/debug/envoys": envoys}}
    with contextlib.ExitStack() as stack:
        for stage, answers in pages.items():
            fake = FakeStage(folder, stage, {at: (200, "application/json", json.dumps(a)) for at, a in answers.items()})
            stack.callback(fake.close)
        shown = subprocess.run([program("portolan"), "status", "--problems", f"--runtime-dir={folder}"],
                               capture_output=True, text=True, timeout=60).stdout
    n = counts["rejected"]
    assert shown == f"Envoy old refuses {n} resource{'s' * (n > 1)} of kind route, and goes on {instead}; it said last: no\n"


def test_when_the_named_of_many_refusing_envoys_leave_the_others_are_named(pipeline):
    """Eight are named. Before, the refusals of the others were forgotten with these."""
    pipeline.write("good.yaml", *app("good", "10.0.0.1", 80))
    pipeline.write("bad.yaml", *app("bad", "10.0.0.2", 80))
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(World(pipeline.xds_address, node="good"))
        last = stack.enter_context(World(pipeline.xds_address, node="n9", refuse=refuse_bad))
        named = [stack.enter_context(World(pipeline.xds_address, node=f"n{i}", refuse=refuse_bad)) for i in range(1, 9)]

        def refusing():
            rows = json.loads(pipeline.translator.get("/debug/explain?url=http://bad.example.com/")).get("refused", [])
            return [r["envoys"] for r in rows]

        until(lambda: refusing() == [[f"n{i}" for i in range(1, 9)]], good, last, *named)
        for world in named:
            world.close()
        until(lambda: refusing() == [["n9"]], good, last)
