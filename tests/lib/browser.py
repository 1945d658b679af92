"""A real browser by the WebDriver protocol (https://www.w3.org/TR/webdriver2/): Debian's chromium, headless."""

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request

import pytest

from events import Deadline

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def find_driver():
    """Path of chromedriver. With CI=true it has to be there."""
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        if os.environ.get("CI") == "true":
            raise AssertionError("chromium and chromium-driver are not installed (scripts/deps --install test)")
        pytest.skip("there is no chromium with its driver")
    return driver


def start_driver(tries=5):
    """(process, port). It chooses a free port of one family of addresses, and ends if the other's is taken."""
    for _ in range(tries):
        driver = subprocess.Popen([find_driver(), "--port=0"], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.DEVNULL)
        said = []
        for line in driver.stdout:
            said.append(line)
            if found := re.search(r"started successfully on port (\d+)", line):
                return driver, found[1]
        driver.wait()
        driver.stdout.close()
        if "port not available" not in "".join(said):
            break
    raise AssertionError(f"chromedriver does not start: {''.join(said)}")


class Browser:
    def __init__(self, folder, width=1280, height=900, dark=False, javascript=True):
        self.driver, port = start_driver()
        self.base = f"http://127.0.0.1:{port}"
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                f"--user-data-dir={folder}/profile", f"--window-size={width},{height}", "--force-device-scale-factor=1"]
        if dark:
            args += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]
        options = {"args": args, "binary": shutil.which("chromium")}
        if not javascript:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        self.session = None
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "timeouts": {"script": 60000, "pageLoad": 60000}}}})["sessionId"]
        # The window of a headless browser has no frame: its inside has the requested size.
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}})

    def call(self, method, path, body=None):
        path = f"/session/{self.session}{path}" if self.session else path
        request = urllib.request.Request(self.base + path, method=method,
                                         data=json.dumps(body or {}).encode() if method == "POST" else None)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script):
        """Until a promise that the script gives is kept."""
        return self.call("POST", "/execute/async", {
            "script": f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done);",
            "args": []})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def text(self, selector):
        return self.call("GET", f"/element/{self.find(selector)}/text")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def follow(self, selector):
        """Clicks at what leads to another page, until that is there: the click itself may end before."""
        self.run("window.former = true")
        self.click(selector)
        deadline = Deadline(60)
        while self.run("return window.former || document.readyState != 'complete'"):
            deadline.left(f"the page behind {selector}")

    def screenshot(self):
        return base64.b64decode(self.call("GET", "/screenshot"))

    def close(self):
        if self.session:
            self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()
