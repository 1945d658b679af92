"""The watcher writes back to a real API server: statuses, events, and who may write them."""

import contextlib
import itertools
import signal

import pytest
import yaml

import frames
import gateway_api
from crds import shipped
from kube import poll
from extension_services import extension
from kube_watcher import KubeWatcher, status_addresses
from objects import ingress, path, rule, service
from programs import TOP
from stage import Stage, XdsServer
from xds_client import World

ACCEPTED, PARTIAL, REJECTED, IGNORED = range(4)


def web(name, namespace):
    return ingress(name, rule(f"{name}.example", path(name)), namespace=namespace)


def wait_addresses(kube, namespace, name, *wanted):
    return kube.client.wait_for("Ingress", namespace, name,
                                lambda i: status_addresses(i) == list(wanted))


def holder(lease):
    return lease["spec"].get("holderIdentity", "")


@pytest.fixture
def lease(namespace):
    """Options for a lease in the test's namespace."""
    return ["--lease-namespace", namespace]


def test_an_ingress_is_told_its_addresses_once(kube, namespace, lease, tmp_path):
    for name in ("ours", "other"):
        kube.client.create(web(name, namespace))
    with KubeWatcher(kube, tmp_path / "w", "--publish-address", "192.0.2.7,lb.example.org",
                     *lease) as watcher, watcher.translator() as translator:
        translator.wait_for("Ingress", f"{namespace}/ours")
        watcher.wait_logged("writing statuses")
        translator.set_status("Ingress", f"{namespace}/other", IGNORED)
        translator.set_status("Ingress", f"{namespace}/ours", ACCEPTED)
        item = wait_addresses(kube, namespace, "ours", "192.0.2.7", "lb.example.org")
        assert status_addresses(kube.client.get("Ingress", namespace, "other")) == []
        # Said again, and said otherwise: the same addresses.
        translator.set_status("Ingress", f"{namespace}/ours", PARTIAL, [("A", "b")])
        # Somebody else's change is put right.
        kube.client.patch(item, {"status": {"loadBalancer": None}}, sub="status")
        item = wait_addresses(kube, namespace, "ours", "192.0.2.7", "lb.example.org")
        kube.client.patch(item, {"metadata": {"labels": {"a": "b"}}})
        translator.wait_for("Ingress", f"{namespace}/ours", lambda now: b"\n\1a\x12\1b" in now.value)
        # A write is counted when its answer is read, which may be after we have seen the object.
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 2)
        assert watcher.metrics()["portolan_kube_status_failures_total"] == 0


def test_addresses_follow_a_service(kube, namespace, lease, tmp_path):
    balancer = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    kube.client.create(web("a", namespace))
    with KubeWatcher(kube, tmp_path / "w", "--publish-service", f"{namespace}/envoy",
                     *lease) as watcher, watcher.translator() as translator:
        translator.wait_for("Ingress", f"{namespace}/a")
        translator.set_status("Ingress", f"{namespace}/a", ACCEPTED)
        envoy = kube.client.create(service("envoy", namespace=namespace, type="LoadBalancer"))
        kube.client.patch(envoy, balancer, sub="status")
        wait_addresses(kube, namespace, "a", "192.0.2.1")
        balancer["status"]["loadBalancer"]["ingress"] = [{"hostname": "lb.example"}]
        kube.client.patch(envoy, balancer, sub="status")
        wait_addresses(kube, namespace, "a", "lb.example")
        kube.client.delete(envoy)
        wait_addresses(kube, namespace, "a")


def test_addresses_are_those_of_the_configuration(kube, namespace, lease, tmp_path):
    """Which may change: first given outright, then a Service's, then an option's that counts more."""
    file = tmp_path / "config.yaml"
    file.write_text("ingress-status-address: 192.0.2.9\n")
    kube.client.create(web("a", namespace))
    envoy = kube.client.create(service("envoy", namespace=namespace, type="LoadBalancer"))
    kube.client.patch(envoy, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}, sub="status")
    with KubeWatcher(kube, tmp_path / "w", "--config", file, *lease) as watcher, \
            watcher.translator() as translator:
        translator.wait_for("Ingress", f"{namespace}/a")
        translator.set_status("Ingress", f"{namespace}/a", ACCEPTED)
        wait_addresses(kube, namespace, "a", "192.0.2.9")
        file.write_text(f"envoy-service-name: envoy\nenvoy-service-namespace: {namespace}\n")
        watcher.process.send_signal(signal.SIGHUP)
        wait_addresses(kube, namespace, "a", "192.0.2.1")
    with KubeWatcher(kube, tmp_path / "v", "--config", file, "--publish-address", "lb.example",
                     *lease) as watcher, watcher.translator() as translator:
        translator.wait_for("Ingress", f"{namespace}/a")
        translator.set_status("Ingress", f"{namespace}/a", ACCEPTED)
        wait_addresses(kube, namespace, "a", "lb.example")


def test_many_statuses_are_written_while_config_goes_on(kube, namespace, lease, tmp_path):
    names = [f"i{n}" for n in range(300)]
    kube.client.bulk("create", [web(name, namespace) for name in names])
    with KubeWatcher(kube, tmp_path / "w", "--publish-address", "192.0.2.7",
                     *lease) as watcher, watcher.translator() as translator:
        translator.wait_for("Ingress", f"{namespace}/{names[-1]}")
        watcher.wait_logged("writing statuses")
        status = ("Ingress", f"{namespace}/{names[0]}", ACCEPTED)
        translator.set_status(*status)
        value = translator.send[1, status[1].encode()].value
        for name in names:
            translator.send.put(1, f"{namespace}/{name}", value)
        translator.commit()
        # The bucket is empty long before all are written.
        kube.client.create(service("late", namespace=namespace))
        translator.wait_for("Service", f"{namespace}/late")
        for name in names:
            wait_addresses(kube, namespace, name, "192.0.2.7")
        poll(lambda: watcher.metrics()["portolan_kube_status_waiting"] == 0)
        # A write is counted when its answer is read, which may be after we have seen the object.
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == len(names))


def events_of(kube, namespace, name):
    query = {"fieldSelector": f"involvedObject.name={name},source=portolan"}
    return kube.client.list("Event", namespace, query=query)["items"]


def watch_events(kube, namespace, name):
    """Watch the Events about one object: the API server writes Events about its own objects, too."""
    return kube.client.watch(kube.client.path("Event", namespace),
                             fieldSelector=f"involvedObject.name={name},source=portolan")


def test_a_problem_becomes_an_event_and_a_repetition_a_count(kube, namespace, lease, tmp_path):
    item = kube.client.create(web("a", namespace))
    problem = ("ServiceUnresolved", "there is no Service a")

    def run(folder, wanted):
        with KubeWatcher(kube, tmp_path / folder, *lease) as watcher, \
                watcher.translator() as translator:
            translator.wait_for("Ingress", f"{namespace}/a")
            watcher.wait_logged("writing statuses")
            with watch_events(kube, namespace, "a") as events:
                translator.set_status("Ingress", f"{namespace}/a", PARTIAL, [problem])
                return next(e["object"] for e in events if wanted(e["object"]))

    event = run("w1", lambda e: True)
    assert event["type"] == "Warning" and event["reason"] == problem[0]
    assert event["message"] == problem[1]
    assert event["involvedObject"]["uid"] == item["metadata"]["uid"]
    assert event["source"]["component"] == "portolan"
    again = run("w2", lambda e: e["count"] == 2)
    assert again["metadata"]["uid"] == event["metadata"]["uid"]
    assert len(events_of(kube, namespace, "a")) == 1
    described = kube.kubectl("-n", namespace, "describe", "ingress", "a").stdout
    assert problem[1] in described


def proxy(name, namespace):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"virtualhost": {"fqdn": "proxy.example"}}}


def test_a_proxy_has_a_condition_that_says_what_is_wrong(own_kube, tmp_path):
    kube = own_kube
    kube.install(shipped()["HTTPProxy"])
    item = kube.client.create(proxy("a", "default"))
    version = item["apiVersion"]

    def wait(translator, words, wanted, **said):
        translator.set_status("HTTPProxy", "default/a", **said)
        found = kube.client.wait_for("HTTPProxy", "default", "a", api_version=version,
                                     wanted=lambda i: i.get("status", {}).get("currentStatus") == words)
        (condition,) = found["status"]["conditions"]
        assert {k: condition[k] for k in wanted} == wanted
        return found["status"], condition

    with KubeWatcher(kube, tmp_path / "w", "--publish-address", "192.0.2.7") as watcher, \
            watcher.translator() as translator:
        translator.wait_for("HTTPProxy", "default/a")
        watcher.wait_logged("writing statuses")
        status, first = wait(
            translator, "valid", {"type": "Valid", "status": "True", "reason": "Valid",
                                  "message": "Valid HTTPProxy", "observedGeneration": 1},
            generation=1)
        assert status["loadBalancer"]["ingress"] == [{"ip": "192.0.2.7"}]
        assert status["description"] == "Valid HTTPProxy"
        # The same again: nothing to write.
        translator.set_status("HTTPProxy", "default/a", generation=1)
        kube.client.patch(item, {"spec": {"virtualhost": {"fqdn": "other.example"}}})
        translator.wait_for("HTTPProxy", "default/a", lambda now: b"other.example" in now.value)
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 1)
        status, second = wait(
            translator, "invalid", {"status": "False", "reason": "ErrorPresent", "observedGeneration": 2},
            verdict=PARTIAL, problems=[("TLSError/SecretNotValid", "no such Secret")], generation=2)
        assert second["errors"] == [{"type": "TLSError", "status": "True", "reason": "SecretNotValid",
                                     "message": "no such Secret"}]
        assert status["description"] == second["message"]
        # A verdict on an older generation does not apply to this one.
        translator.set_status("HTTPProxy", "default/a", generation=1)
        status, third = wait(translator, "orphaned", {"status": "False"}, verdict=REJECTED, generation=2,
                             problems=[("Orphaned/Orphaned", "not part of any root proxy")])
        assert third["lastTransitionTime"] == second["lastTransitionTime"]
        assert status["description"] == "not part of any root proxy"
        # Whatever is in a message, and however long it is, the definition takes it.
        _, fourth = wait(translator, "invalid", {"status": "False"}, verdict=REJECTED, generation=2,
                         problems=[("TLSError/SecretNotValid", "ä\x01" * 20000), ("Word", "")])
        assert [error["message"][:3] for error in fourth["errors"]] == ["ä\x01ä", ""]
        assert 10000 < len(fourth["errors"][0]["message"]) <= 32768
        # A write is counted when its answer is read, which may be after we have seen the object.
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 4)
        # Another object of the same name begins with generation 1; verdicts on the first do not
        # apply to it.
        kube.client.delete(item)
        kube.client.create(proxy("a", "default"))
        translator.wait_for("HTTPProxy", "default/a", lambda now: now and b"proxy.example" in now.value)
        wait(translator, "valid", {"status": "True", "observedGeneration": 1}, generation=1)
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 5)
        assert watcher.metrics()["portolan_kube_status_failures_total"] == 0
    # Its addresses follow a Service, too.
    envoy = kube.client.create(service("envoy", type="LoadBalancer"))
    with KubeWatcher(kube, tmp_path / "v", "--publish-service", "default/envoy") as watcher, \
            watcher.translator() as translator:
        translator.wait_for("HTTPProxy", "default/a")
        translator.set_status("HTTPProxy", "default/a", generation=1)
        for address in ({"ip": "192.0.2.1"}, {"hostname": "lb.example"}, None):
            wanted = [address] if address else []
            kube.client.patch(envoy, {"status": {"loadBalancer": {"ingress": wanted}}}, sub="status")
            kube.client.wait_for(
                "HTTPProxy", "default", "a", api_version=version, wanted=lambda i: (
                    i["status"]["currentStatus"] == "valid"
                    and (i["status"]["loadBalancer"].get("ingress") or []) == wanted))


def test_a_proxy_and_a_route_say_when_envoys_have_accepted_them(own_kube, tmp_path):
    """The definitions take the condition, and it costs one more write for each generation."""
    kube = own_kube
    kube.install(shipped()["HTTPProxy"])
    for kind in gateway_api.KINDS:
        kube.install(gateway_api.definitions()[kind])
    config = tmp_path / "portolan.yaml"
    config.write_text("portolan: {status: {propagated: true}}\n")
    gateway = "gateway.networking.k8s.io/v1"
    for made in (
            service("app"),
            {"apiVersion": gateway, "kind": "GatewayClass", "metadata": {"name": "portolan"},
             "spec": {"controllerName": "portolan.io/gateway-controller"}},
            {"apiVersion": gateway, "kind": "Gateway", "metadata": {"name": "web", "namespace": "default"},
             "spec": {"gatewayClassName": "portolan", "listeners": [{"name": "http", "port": 8090, "protocol": "HTTP"}]}}):
        kube.client.create(made)
    item = proxy("a", "default")
    item["spec"]["routes"] = [{"services": [{"name": "app", "port": 80}]}]
    items = {"HTTPProxy": kube.client.create(item)}
    items["HTTPRoute"] = kube.client.create({
        "apiVersion": gateway, "kind": "HTTPRoute", "metadata": {"name": "a", "namespace": "default"},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "app", "port": 80}]}]}})

    items["Ingress"] = kube.client.create(ingress("a", rule("a.example", path("app")), namespace="default"))

    def said(kind):
        now = kube.client.get(kind, "default", "a", api_version=items[kind]["apiVersion"])
        if kind == "Ingress":
            generation, *words = (propagated(now) or "0").split()
            return [(*words, int(generation))]
        status = now.get("status", {})
        places = [status] if kind == "HTTPProxy" else status.get("parents", ())
        return [(c["status"], c["reason"], c["observedGeneration"]) for place in places
                for c in place.get("conditions", ()) if c["type"] == "Propagated"]

    def is_late(item):
        """Said when this client's answers take long, as on a busy machine: one more write."""
        return any(c["type"] == "Propagated" and c["reason"] == "Pending"
                   for c in item.get("status", {}).get("conditions", ()))

    def wait(world, kind, generation):
        poll(lambda: world.quiet() or said(kind) == [("True", "Accepted", generation)])

    with KubeWatcher(kube, tmp_path / "w", "--config", config) as watcher, contextlib.ExitStack() as stack:
        translator, xds = stages = Stage("translator", tmp_path / "w"), XdsServer(tmp_path / "w")
        for stage in stages:
            stage.start(ready=False)
            stack.callback(stage.close)
        xds.wait_ready()
        world = stack.enter_context(World(xds.address))
        for kind in items:
            wait(world, kind, 1)
        now = kube.client.get("HTTPProxy", "default", "a", api_version=item["apiVersion"])
        versions = stack.enter_context(kube.client.watch(
            kube.client.path("HTTPProxy", "default", api_version=item["apiVersion"]),
            resourceVersion=now["metadata"]["resourceVersion"]))
        kube.client.patch(items["HTTPProxy"], {"spec": {"virtualhost": {"fqdn": "other.example"}}})
        wait(world, "HTTPProxy", 2)
        assert said("HTTPRoute") == [("True", "Accepted", 1)]
        # A new translator finds it arrived, and what did not change is not written.
        translator.restart()
        kube.client.patch(items["HTTPRoute"], {"spec": {"hostnames": ["r.example"]}})
        wait(world, "HTTPRoute", 2)
        kube.client.patch(items["HTTPProxy"], {"metadata": {"labels": {"last": "word"}}})
        changes = [e for e in itertools.takewhile(lambda e: "labels" not in e["object"]["metadata"], versions)
                   if not is_late(e["object"])]
        # The change itself, the verdict, and the condition: with the verdict if Envoys were quick.
        assert 2 <= len(changes) <= 3, changes
        assert watcher.metrics()["portolan_kube_status_failures_total"] == 0


def propagated(i):
    return i["metadata"].get("annotations", {}).get("portolan.io/propagated")


def say_propagated(translator, key, generation, status, reason):
    condition = frames.message("Condition", type="Propagated", status=status, reason=reason, message="")
    translator.say("Ingress", key, verdict=ACCEPTED, observed_generation=generation, propagated=condition,
                   propagated_generation=generation)
    translator.commit()


def test_an_ingress_says_by_an_annotation_whether_envoys_have_accepted_it(kube, namespace, lease, tmp_path):
    """Ours is no part of the object: neither writing it nor losing it is a change for the translator."""
    key = f"{namespace}/a"
    item = kube.client.create(web("a", namespace))
    with KubeWatcher(kube, tmp_path / "w", "--publish-address", "192.0.2.7", *lease) as watcher, \
            watcher.translator() as translator, \
            kube.client.watch(kube.client.path("Ingress", namespace),
                              resourceVersion=item["metadata"]["resourceVersion"]) as versions:
        before = translator.wait_for("Ingress", key)
        say_propagated(translator, key, 1, 1, "Accepted")
        kube.client.wait_for("Ingress", namespace, "a", lambda i: propagated(i) == "1 True Accepted")
        # Somebody else takes it away, and it is written again.
        kube.client.patch(item, {"metadata": {"annotations": {"portolan.io/propagated": None}}})
        kube.client.wait_for("Ingress", namespace, "a", lambda i: propagated(i) == "1 True Accepted")
        kube.client.patch(item, {"spec": {"rules": [{"host": "other.example"}]}})
        after = translator.wait_for("Ingress", key, lambda now: b"other.example" in now.value)
        assert b"portolan.io/propagated" not in before.value + after.value
        say_propagated(translator, key, 2, 0, "RejectedByEnvoy")
        kube.client.wait_for("Ingress", namespace, "a", lambda i: propagated(i) == "2 False RejectedByEnvoy")
        kube.client.patch(item, {"metadata": {"labels": {"last": "word"}}})
        translator.wait_for("Ingress", key, lambda now: b"word" in now.value)
        changes = list(itertools.takewhile(lambda e: "labels" not in e["object"]["metadata"], versions))
        # The address, the annotation, its loss, the annotation, the new spec, the annotation.
        assert len(changes) == 6, [(propagated(e["object"]), e["object"]["spec"]) for e in changes]
        of_ingress = [k for _, puts, _ in translator.mirror.log for k in puts if k[1] == key.encode()]
        assert len(of_ingress) == 2, "the spec and the label, nothing of ours"
        poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 4)
        assert watcher.metrics()["portolan_kube_status_failures_total"] == 0


def rights(file):
    return [o for o in yaml.safe_load_all((TOP / "examples" / file).read_text(encoding="utf-8")) if o]


def test_without_the_right_to_annotate_an_ingress_statuses_are_written(own_kube, tmp_path):
    kube = own_kube
    kube.grant(rights("rbac.yaml"))
    account = kube.service_account_folder("portolan", "portolan")
    for name in ("a", "b"):
        kube.client.create(web(name, "default"))

    def run(folder, then):
        with KubeWatcher(kube, tmp_path / folder, "--publish-address", "192.0.2.7",
                         account=account) as watcher, watcher.translator() as translator:
            watcher.wait_logged("writing statuses")
            for name in ("a", "b"):
                translator.wait_for("Ingress", f"default/{name}")
                say_propagated(translator, f"default/{name}", 1, 1, "Accepted")
            then(watcher)

    def denied(watcher):
        watcher.wait_logged("cannot write the annotation of Ingress default/[ab]: 403")
        for name in ("a", "b"):
            wait_addresses(kube, "default", name, "192.0.2.7")

    def allowed(watcher):
        for name in ("a", "b"):
            kube.client.wait_for("Ingress", "default", name, lambda i: propagated(i) == "1 True Accepted")
        assert "cannot write the annotation" not in watcher.logged()

    run("denied", denied)
    kube.grant(rights("rbac-propagated.yaml"))
    run("allowed", allowed)
    user = ["--as", "system:serviceaccount:portolan:portolan"]
    for words in ("update ingresses", "delete ingresses", "create ingresses", "get ingresses"):
        assert kube.kubectl(*user, "auth", "can-i", *words.split(), check=False).stdout.strip() == "no", words


def test_an_extension_service_has_a_condition_that_follows_what_it_needs(own_kube, tmp_path):
    kube = own_kube
    kube.install(shipped()["ExtensionService"])
    item = kube.client.create(extension("auth", "auth", loadBalancerPolicy={"strategy": "Cookie"}))

    def condition(**wanted):
        found = kube.client.wait_for(
            "ExtensionService", "default", "auth", api_version=item["apiVersion"], wanted=lambda i: [
                {k: c.get(k) for k in wanted} for c in i.get("status", {}).get("conditions", [])] == [wanted])
        return found["status"]["conditions"][0]

    watcher, translator = KubeWatcher(kube, tmp_path / "w"), Stage("translator", tmp_path / "w")
    with watcher:
        translator.start()
        try:
            bad = condition(type="Valid", status="False", reason="ErrorPresent", observedGeneration=1)
            assert [(e["type"], e["reason"]) for e in bad["errors"]] == [
                ("ServiceError", "ServiceUnresolvedReference")]
            assert [(w["type"], w["reason"]) for w in bad["warnings"]] == [("SpecError", "IgnoredField")]
            kube.client.create(service("auth"))
            good = condition(status="True", reason="Valid", message="Valid ExtensionService")
            assert "errors" not in good
            kube.client.patch(item, {"spec": {"validation": {"caSecret": "gone", "subjectName": "a"}}})
            bad = condition(status="False", observedGeneration=2)
            assert [(e["type"], e["reason"]) for e in bad["errors"]] == [
                ("SpecError", "InconsistentProtocol"), ("SpecError", "TLSUpstreamValidation")]
        finally:
            translator.close()


def test_the_next_replica_leads_when_the_leader_is_killed(kube, namespace, lease, tmp_path):
    kube.client.create(web("a", namespace))
    options = ["--publish-address", "192.0.2.7", *lease]
    first = KubeWatcher(kube, tmp_path / "w1", *options)
    second = KubeWatcher(kube, tmp_path / "w2", *options)
    try:
        first.start()
        first.wait_logged("writing statuses")
        second.start()
        with second.translator() as translator:
            translator.wait_for("Ingress", f"{namespace}/a")
            translator.set_status("Ingress", f"{namespace}/a", ACCEPTED)
            assert not second.status()["kubernetes"]["leader"]
            before = holder(kube.client.get("Lease", namespace, "portolan"))
            first.kill(signal.SIGKILL)
            # 15 s of lease, and up to 2.4 s until it is looked at.
            after = kube.client.wait_for("Lease", namespace, "portolan",
                                         lambda l: holder(l) not in ("", before))
            assert after["spec"]["leaseTransitions"] == 1
            wait_addresses(kube, namespace, "a", "192.0.2.7")
            assert second.status()["kubernetes"]["leader"]
    finally:
        first.close()
        second.close()


def test_a_leader_that_ends_hands_over_at_once(kube, namespace, lease, tmp_path):
    first = KubeWatcher(kube, tmp_path / "w1", *lease)
    second = KubeWatcher(kube, tmp_path / "w2", *lease)
    try:
        first.start()
        first.wait_logged("writing statuses")
        second.start()
        held = kube.client.get("Lease", namespace, "portolan")
        with kube.client.watch(kube.client.path("Lease", namespace), fieldSelector="metadata.name=portolan",
                               resourceVersion=held["metadata"]["resourceVersion"]) as versions:
            first.stop()
            # The second may have it by now: it is enough that it was free in between.
            holders = itertools.groupby(holder(v["object"]) for v in itertools.chain([{"object": held}], versions))
            found = [name for name, _ in itertools.islice(holders, 3)]
        assert found[0] and found[1] == "" and found[2] not in ("", found[0])
        second.wait_logged("writing statuses")
    finally:
        first.close()
        second.close()


def test_a_replica_that_does_not_lead_says_what_its_envoys_refuse(kube, namespace, lease, tmp_path):
    """The leader cannot know: its Envoys are others."""
    kube.client.create(web("a", namespace))
    key, refused = f"{namespace}/a", ("RejectedByEnvoy", "Envoy e refuses it")
    with KubeWatcher(kube, tmp_path / "w1", *lease) as first, first.translator() as leading:
        first.wait_logged("writing statuses")
        with KubeWatcher(kube, tmp_path / "w2", *lease) as second, second.translator() as translator:
            translator.wait_for("Ingress", key)
            assert not second.status()["kubernetes"]["leader"]
            with watch_events(kube, namespace, "a") as events:
                translator.set_status("Ingress", key, PARTIAL, [("ServiceUnresolved", "there is no Service a"), refused])
                event = next(iter(events))["object"]
                assert (event["reason"], event["message"]) == refused
                # What any replica can know is the leader's to say.
                leading.wait_for("Ingress", key)
                leading.set_status("Ingress", key, PARTIAL, [("ServiceUnresolved", "there is no Service a")])
                assert next(iter(events))["object"]["reason"] == "ServiceUnresolved"
            assert len(events_of(kube, namespace, "a")) == 2
            assert all(e["count"] == 1 for e in events_of(kube, namespace, "a"))


def test_the_documented_rights_are_enough_and_no_more(own_kube, tmp_path):
    kube = own_kube
    kube.grant(rights("rbac.yaml"))
    account = kube.service_account_folder("portolan", "portolan")
    kube.client.create(web("a", "default"))
    conditional = {
        "HTTPProxy": {"virtualhost": {"fqdn": "a.example"}},
        "ExtensionService": {"services": [{"name": "a", "port": 80}]},
        "ContourConfiguration": {},
    }
    for kind, spec in conditional.items():
        kube.install(shipped()[kind])
        version = shipped()[kind]["spec"]["versions"][0]["name"]
        conditional[kind] = f"projectcontour.io/{version}"
        kube.client.create({"apiVersion": conditional[kind], "kind": kind, "spec": spec,
                            "metadata": {"name": "portolan", "namespace": "portolan"}})
    kube.client.create(service("envoy", namespace="portolan"))
    for kind in gateway_api.KINDS:
        kube.install(gateway_api.definitions()[kind])
    kube.client.create({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": {},
                        "metadata": {"name": "r", "namespace": "portolan"}})
    with KubeWatcher(kube, tmp_path / "w", "--publish-address", "192.0.2.7",
                     account=account) as watcher, watcher.translator() as translator:
        translator.wait_for("Ingress", "default/a")
        watcher.wait_logged("leader of portolan/portolan: writing statuses")
        with watch_events(kube, "default", "a") as events:
            translator.set_status("Ingress", "default/a", PARTIAL, [("A", "b")])
            wait_addresses(kube, "default", "a", "192.0.2.7")
            assert next(events)["object"]["reason"] == "A"
        for kind, version in conditional.items():
            translator.wait_for(kind, "portolan/portolan")
            translator.set_status(kind, "portolan/portolan", ACCEPTED, generation=1)
            item = kube.client.wait_for(kind, "portolan", "portolan", api_version=version,
                                        wanted=lambda i: i.get("status", {}).get("conditions"))
            assert item["status"]["conditions"][0]["message"] == f"Valid {kind}"
        translator.wait_for("HTTPRoute", "portolan/r")
        entry = frames.message("ParentStatus", name="g", conditions=[
            frames.message("Condition", type="Accepted", status=1, reason="Accepted", message="")])
        translator.say("HTTPRoute", "portolan/r", controller="example.com/c", parents=[entry], observed_generation=1)
        translator.commit()
        kube.client.wait_for("HTTPRoute", "portolan", "r", lambda r: r.get("status", {}).get("parents"))
        for kind in gateway_api.KINDS:
            poll(lambda kind=kind: watcher.kind(kind)["state"] == "watching")
            plural = gateway_api.definitions()[kind]["metadata"]["name"]
            may = kube.kubectl("--as", "system:serviceaccount:portolan:portolan", "auth", "can-i", "patch",
                               plural, "--subresource", "status", check=False).stdout
            assert may.strip() == ("no" if kind == "ReferenceGrant" else "yes"), kind
        assert "not allowed" not in watcher.logged() and "cannot" not in watcher.logged()
    user = ["--as", "system:serviceaccount:portolan:portolan"]
    for words in ("get secrets", "delete ingresses", "update ingresses", "create services",
                  "list pods", "update ingresses/status", "update httpproxies.projectcontour.io",
                  "create contourconfigurations.projectcontour.io", "update gateways.gateway.networking.k8s.io",
                  "delete httproutes.gateway.networking.k8s.io", "list leases", "delete events"):
        said = kube.kubectl(*user, "auth", "can-i", *words.split(), check=False).stdout
        assert said.strip() == "no", words
