"""Pages for users are true: their manifests are accepted, their requests answered as written."""

import json
import re

import pytest

import offline
import pages
from backends import Client
from certs import Authority
from programs import TOP

PAGES = {p.stem: pages.Page(p) for p in sorted((TOP / "docs/learn").glob("*.md"))}
PAGES["from-contour"] = pages.Page(TOP / "docs/do/from-contour.md")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.mark.parametrize("name", [n for n, p in PAGES.items() if p.objects])
def test_all_of_a_pages_manifests_are_accepted(name, folder, authority):
    objects = pages.world(PAGES[name], authority, lambda _: ("192.0.2.1", 8080))
    file = folder / "page.yaml"
    file.write_text("---\n".join(json.dumps(o) + "\n" for o in objects))
    translated = offline.translate(folder, file)
    assert offline.lines(translated.said, folder) == []
    bad = {key: s for key, s in offline.statuses(translated.statuses).items()
           if s["verdict"] not in ("accepted", "ignored")
           or s["verdict"] == "ignored" and not key.startswith(("Service ", "EndpointSlice ", "Secret "))
           or any(p["severity"] == "error" for p in s.get("problems", []))}
    assert bad == {}


def ask(site, request):
    if request.headers.get("Upgrade") == "websocket":
        return site.client.echo(request.host, request.path, b"hello")[0], {}, ""
    port = int(request.host.partition(":")[2] or 0)
    client = Client(site.address, port, port) if port else site.client
    connection = client.connect(request.host, request.tls)
    try:
        connection.request(request.method, request.path, request.body,
                           {"Host": request.host, **request.headers})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("name", [n for n, p in PAGES.items() if p.requests])
def test_a_pages_requests_are_answered_as_it_says(name, shared_site, authority):
    site, page = shared_site, PAGES[name]
    site.client.__init__(site.address, ca=authority.text)

    def endpoint(name):
        backend = site.backends.get(name) or site.backend(name)
        return backend.address, backend.port

    site.write("page.yaml", *pages.world(page, authority, endpoint))
    for request in page.requests:
        status, headers, body = ask(site, request)
        wanted = {h.lower(): v for h, v in request.answer}
        assert (status, {h: headers.get(h) for h in wanted}) == (request.status, wanted), request.line
        assert [line for line in request.text if line not in body.splitlines()] == [], request.line


def test_what_is_tried_is_most_of_what_there_is():
    # A page may be only about options of the programs.
    assert len([p for p in PAGES.values() if p.objects]) >= 20
    assert sum(len(p.requests) for p in PAGES.values()) >= 50


@pytest.mark.parametrize("page", [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))],
                         ids=lambda p: str(p.relative_to(TOP)))
def test_a_pages_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
