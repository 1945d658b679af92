"""The page on the admin port, in a real browser, as people see it: on a desk, on a phone, in the
dark, without JavaScript, with ten thousand hosts. UPDATE_SCREENSHOTS=1 makes the screenshots for
docs here."""

import os
import pathlib
import shutil
import tempfile
import urllib.request

import pytest

import objects
from addresses import loopback
from browser import Browser, find_driver
from certs import Authority
from programs import TOP
from run import Run

IMAGES = TOP / "docs" / "images"
SLOW_HOSTS = 10_000


def world():
    certificate = Authority().issue("shop.example.com")
    cart = {"conditions": [{"prefix": "/cart"}], "services": [{"name": "cart", "port": 80}]}
    front = {"services": [{"name": "front", "port": 80, "weight": 90}, {"name": "next", "port": 80, "weight": 10}]}
    return [
        objects.proxy("shop", cart, front, fqdn="shop.example.com", tls={"secretName": "shop"}),
        objects.tls_secret("shop", certificate),
        *(o for name in ("cart", "front", "next") for o in (
            objects.service(name, objects.port(80)),
            objects.slice_of(name, 8080, "127.0.0.1", objects.endpoint("127.0.0.2", ready=name != "front")))),
        *objects.app("blog", "127.0.0.1", 9, "blog.example.com"),
        objects.ingress("docs", objects.rule("docs.example.com", objects.path("wiki"))),
    ]


@pytest.fixture(scope="module")
def run():
    find_driver()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-"))
    with Run(folder, address=loopback()) as r:
        r.write("all.yaml", *world())
        r.url = f"http://{r.ask('admin', '/debug/status')['admin_address']}"
        yield r
    shutil.rmtree(folder)


@pytest.fixture
def browser(tmp_path):
    opened = []

    def make(**options):
        b = Browser(tmp_path / str(len(opened)), **options)
        opened.append(b)
        return b

    yield make
    for b in opened:
        b.close()


def keep(name, png):
    """A screenshot for docs, and that it shows something: a blank page is a small file."""
    assert png.startswith(b"\x89PNG") and len(png) > 15_000
    if os.environ.get("UPDATE_SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / name).write_bytes(png)


def test_problems_come_first_and_say_what_to_do(run, browser):
    b = browser(height=1180)
    b.go(run.url)
    sections = b.run("return [...document.querySelectorAll('main section')].map(s => s.id)")
    assert sections == ["problems", "hosts", "envoys", "changes", "certificates", "stages", "explain"]
    problems = b.text("#problems")
    assert "Ingress/default/docs" in problems and "there is no Service default/wiki" in problems
    keep("page.png", b.screenshot())


def test_hosts_have_routes_with_how_ready_they_are_and_whose_they_are(run, browser):
    b = browser()
    b.go(run.url)
    rows = b.run("return [...document.querySelectorAll('#hosts tbody tr')].map("
                 "r => [...r.cells].map(c => c.innerText))")
    assert ["shop.example.com", "http and https", "prefix /cart", "default/cart", "2/2", "HTTPProxy/default/shop"] in rows
    assert ["", "http and https", "prefix /", "default/front\ndefault/next", "3/4", "HTTPProxy/default/shop"] in rows


def test_envoys_certificates_stages_and_changes_are_shown(run, browser):
    b = browser()
    b.go(run.url)
    assert "newest" in b.text("#envoys")
    assert "default/shop" in b.text("#certificates") and "shop.example.com" in b.text("#certificates")
    stages = b.run("return [...document.querySelectorAll('#stages tbody b')].map(e => e.innerText)")
    assert stages == ["watcher", "translator", "xds-server", "admin", "supervisor"]
    assert "recorder" not in b.text("#stages")  # optional, and not here: no red row
    assert b.text("#changes").count(" ms") >= 3


def test_searching_hosts(run, browser):
    b = browser()
    b.go(run.url)
    b.type("#hosts input", "blog")
    b.follow("#hosts button")
    hosts = b.run("return [...document.querySelectorAll('#hosts tbody b')].map(e => e.innerText)")
    assert hosts == ["blog.example.com"]


def test_the_explain_form_says_where_a_request_goes_with_a_picture(run, browser):
    b = browser(height=1000)
    b.go(run.url)
    b.type("#explain input", "https://shop.example.com/cart")
    b.follow("#explain button")
    assert "status" not in b.text("#answer").splitlines()[0]
    assert "default/cart" in b.text("#answer") and "prefix /cart" in b.text("#answer")
    labels = b.run("return [...document.querySelectorAll('#picture svg text')].map(t => t.textContent)")
    assert {"HTTPProxy default/shop", "shop.example.com", "prefix /cart", "default/front", "1 of 2 ready"} <= set(labels)
    keep("explain.png", b.screenshot())


def test_it_changes_by_itself(run, browser):
    b = browser()
    b.go(run.url)
    before = b.run("return document.documentElement.dataset.changes || 0")
    waiting = ("while (!document.querySelector('#hosts').innerText.includes('new.example.com')) "
               "await new Promise(r => new MutationObserver((_, o) => { o.disconnect(); r(); })"
               ".observe(document.body, {childList: true, subtree: true})); return 1;")
    run.write("new.yaml", *objects.app("new", "127.0.0.1", 9, "new.example.com"))
    assert b.wait(waiting) == 1
    assert int(b.run("return document.documentElement.dataset.changes || 0")) >= int(before)


def test_on_a_phone_nothing_is_wider_than_the_screen(run, browser):
    b = browser(width=390, height=844)
    b.go(run.url)
    assert b.run("return document.documentElement.scrollWidth") <= 390
    keep("page-phone.png", b.screenshot())


def test_in_the_dark_the_page_is_dark(run, browser):
    b = browser(dark=True)
    b.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
        "features": [{"name": "prefers-color-scheme", "value": "dark"}]}})
    b.go(run.url)
    assert b.run("return getComputedStyle(document.body).backgroundColor") == "rgb(16, 21, 29)"
    keep("page-dark.png", b.screenshot())


def test_without_javascript_all_tables_are_there(run):
    with urllib.request.urlopen(run.url, timeout=60) as answer:
        text = answer.read().decode()
    for word in ("Ingress/default/docs", "shop.example.com", "default/cart", "newest", "watcher"):
        assert word in text, word
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_what_objects_say_is_no_markup(run, browser):
    bad = objects.ingress("evil", objects.rule("evil.example.com", objects.path("x")))
    bad["spec"]["rules"][0]["http"]["paths"][0]["path"] = "no<script>document.title='owned'</script>"
    run.write("evil.yaml", bad)
    b = browser()
    b.go(run.url)
    assert b.run("return document.title") == "Portolan"
    assert b.run("return document.querySelectorAll('main script').length") == 0
    run.manifests.remove("evil.yaml")
    run.settle()


@pytest.mark.parametrize("target", ["/", "/debug", "/explain?q=x", "/explain?q=ingress/default/none", "/graph?q=shop.example.com",
                                    "/page.js", "/?search=%3Cb%3E&offset=9999999"])
def test_no_page_is_an_error(run, target):
    with urllib.request.urlopen(run.url + target, timeout=60) as answer:
        assert answer.status == 200 and answer.read()


def test_every_link_of_the_page_leads_somewhere(run, browser):
    b = browser()
    b.go(run.url)
    links = set(b.run("return [...document.querySelectorAll('a')].map(a => a.href.split('#')[0])"))
    assert len(links) > 5
    for link in links:
        with urllib.request.urlopen(link, timeout=60) as answer:
            assert answer.status == 200, link


def test_ten_thousand_hosts_are_paged_and_searched(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("many")
    with Run(folder, address=loopback(), envoy=False) as r:
        r.manifests.write("many.yaml", objects.service("web", objects.port(80)), objects.slice_of("web", 9, "127.0.0.1"),
                          *(objects.ingress(f"i{n}", objects.rule(f"h{n:05}.example.com", objects.path("web")))
                            for n in range(SLOW_HOSTS)))
        source = r.ask("watcher", "/debug/sync", 120)["source"]
        for name in ("translator", "xds-server"):
            r.ask(name, f"/debug/wait?source={source}&timeout_ms=60000", 65)
        b = browser()
        url = f"http://{r.ask('admin', '/debug/status')['admin_address']}"
        b.go(url)
        assert f"of {SLOW_HOSTS}" in b.text("#hosts .pages")
        assert b.run("return document.querySelectorAll('#hosts tbody tr').length") == 50
        b.follow("#hosts .pages a")
        assert b.text("#hosts .pages").startswith("← before 51–100 of") or "51–100" in b.text("#hosts .pages")
        b.go(f"{url}/?search=h04242")
        assert b.run("return document.querySelectorAll('#hosts tbody tr').length") == 1
