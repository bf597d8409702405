# SPDX-License-Identifier: LGPL-2.1-or-later
"""A headless Chromium, spoken to by WebDriver, with Python's standard library alone."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
ANSWER_TIMEOUT_S = 30


def find_missing():
    """What the tests lack here, or None."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"no {' and no '.join(missing)} here (Debian: chromium, chromium-driver)" if missing else None


class Browser:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="report-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
        port = next(found[1] for found in (re.search(r"successfully on port (\d+)", line) for line in self.driver.stdout) if found)
        self.base = f"http://127.0.0.1:{port}/session"
        # Straight to the driver, whatever the environment says about proxies.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        options = {"args": FLAGS + [f"--user-data-dir={self.folder.name}"]}
        session = self.request("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/" + session["sessionId"]

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with self.opener.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)["value"]

    def close(self):
        try:
            self.request("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            self.folder.cleanup()

    def open(self, path):
        self.request("POST", "/url", {"url": f"file://{path}"})

    def console(self):
        return [entry["message"] for entry in self.request("POST", "/se/log", {"type": "browser"})]

    def devtools(self, command, **parameters):
        return self.request("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)

    def prefer(self, scheme):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, script, *arguments):
        return self.request("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def settle(self):
        """Until what was asked for before is drawn."""
        self.request("POST", "/execute/async", {"args": [], "script":
                     "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"})

    def act(self, *sources):
        self.request("POST", "/actions", {"actions": list(sources)})
        self.settle()

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.request("GET", "/screenshot")))
