#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_report.py MAKE_PAGE: what a run's page does in a browser. Skipped, with the reason, where there is none.

The pages are of runs that never were (tests/unit/page-fixture.h): a fail-over every 100 ms, all of 740 us but for the last,
which takes twice as long."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from browser import Browser, find_missing

SKIPPED = 77  # for Meson
MAKE_PAGE = None
N_FAILOVERS = 5
FAILOVER_NS = 740000
PERIOD_NS = 100000000
NEXT, PREVIOUS, SLOWEST, WHOLE, ZOOM_IN, ZOOM_OUT = "next", "previous", "slowest", "whole", "zoom-in", "zoom-out"


def make_page(folder, name, *arguments):
    path = pathlib.Path(folder, f"{name}.html")
    subprocess.run([MAKE_PAGE, path, *map(str, arguments)], check=True)
    return path


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="report-test-")
        cls.held = make_page(cls.folder.name, "held", N_FAILOVERS, 50, "held")
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.folder.cleanup()

    def open(self, path=None, width=1280, height=1400):
        self.browser.resize(width, height)
        self.browser.prefer("light")
        self.browser.open(path or self.held)
        self.browser.settle()

    def tearDown(self):
        self.assertEqual(self.browser.console(), [])

    def text(self, name):
        """What is to be seen of it."""
        return self.browser.run("""
            const element = document.getElementById(arguments[0]);
            return element.checkVisibility() ? element.innerText : ''""", name)

    def click(self, name):
        self.browser.run("document.getElementById(arguments[0]).click()", name)
        self.browser.settle()

    def range(self):
        return self.browser.run("const {from, to} = document.getElementById('timeline').dataset; return [+from, +to]")

    def span(self):
        first, last = self.range()
        return last - first

    def middle_of(self, name):
        """Of what is on the screen, in its coordinates."""
        return self.browser.run("""
            const canvas = document.getElementById(arguments[0]);
            canvas.scrollIntoView({block: 'center'});
            const {left, top, width, height} = canvas.getBoundingClientRect();
            return [Math.round(left + width / 2), Math.round(top + height / 2)]""", name)

    def wheel(self, name, delta):
        x, y = self.middle_of(name)
        self.browser.act({"type": "wheel", "id": "wheel", "actions": [
            {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": delta}]})

    def drag(self, name, by, kind="mouse"):
        x, y = self.middle_of(name)
        self.browser.act({"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": [
            {"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": x + by, "y": y, "duration": 50}, {"type": "pointerUp", "button": 0}]})

    def press(self, key):
        self.browser.run("document.getElementById('timeline').focus()")
        self.browser.act({"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]})

    def ink(self, name):
        """How many points of a canvas are not empty."""
        return self.browser.run("""
            const canvas = document.getElementById(arguments[0]);
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 3 && value > 0).length""", name)

    def test_held(self):
        self.open()
        self.assertEqual(self.text("verdict"), "All promises held")
        self.assertIn("5 kills with messages in flight", self.text("conclusion"))
        self.assertEqual(self.text("broken"), "")
        self.assertIn("--seed=42", self.text("command"))

    def test_broken(self):
        self.open(make_page(self.folder.name, "broken", 2, 5, "broken"))
        self.assertRegex(self.text("verdict"), r"^1 of \d+ promises broke$")
        self.assertIn("handled </script><b id='no'>0/7</b>", self.text("broken"))
        self.assertNotIn("promises held", self.browser.run("return document.body.innerText").lower())
        self.assertIsNone(self.browser.run("return document.getElementById('no')"))

    def test_counter_example(self):
        """Its times are brought into view."""
        self.open(make_page(self.folder.name, "broken", 2, 5, "broken"))
        self.browser.run("document.querySelector('#broken button').click()")
        self.browser.settle()
        first, last = self.range()
        self.assertLess(first, 150000000)
        self.assertGreater(last, 150000000)
        self.assertLess(last - first, 20000000)

    def test_everything_is_drawn(self):
        self.open()
        for canvas in ("overview", "strip", "latency", "rate", "distribution"):
            self.assertGreater(self.ink(canvas), 500, canvas)

    def test_nothing_from_elsewhere(self):
        self.open()
        self.assertEqual(self.browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)"), [])

    def test_buttons_zoom(self):
        self.open()
        whole = self.span()
        self.click(ZOOM_IN)
        self.assertAlmostEqual(self.span(), whole / 2, delta=1)
        self.click(ZOOM_OUT)
        self.assertEqual(self.span(), whole)
        for _ in range(40):
            self.click(ZOOM_IN)
        self.assertLess(self.span(), 10000)  # ns
        self.click(WHOLE)
        self.assertEqual(self.span(), whole)

    def test_wheel_zooms(self):
        self.open()
        whole = self.span()
        self.wheel("latency", -300)
        self.assertLess(self.span(), whole / 2)
        self.wheel("latency", 300)
        self.assertAlmostEqual(self.span(), whole, delta=whole / 100)

    def test_drag_moves(self):
        self.open()
        self.click(ZOOM_IN)
        first, span = self.range()[0], self.span()
        self.drag("strip", -200)
        self.assertGreater(self.range()[0], first + span / 20)
        self.assertAlmostEqual(self.span(), span, delta=1)

    def test_overview_selects(self):
        self.open()
        whole = self.span()
        self.drag("overview", 100)
        self.assertLess(self.span(), whole / 4)

    def test_pinch_zooms(self):
        self.open()
        whole = self.span()
        x, y = self.middle_of("latency")
        fingers = [{"type": "pointer", "id": f"finger{side}", "parameters": {"pointerType": "touch"}, "actions": [
            {"type": "pointerMove", "x": x + side * 50, "y": y}, {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": x + side * 150, "y": y, "duration": 100},
            {"type": "pointerUp", "button": 0}]} for side in (-1, 1)]
        self.browser.act(*fingers)
        self.assertLess(self.span(), whole / 2)

    def test_keys(self):
        self.open()
        whole = self.span()
        self.press("+")
        self.assertLess(self.span(), whole)
        first = self.range()[0]
        self.press("\ue014")  # arrow right
        self.assertGreater(self.range()[0], first)
        self.press("0")
        self.assertEqual(self.span(), whole)
        self.press("n")
        self.assertIn(f"Fail-over 1 of {N_FAILOVERS}", self.text("failover"))

    def assert_shows_failover(self, number, took_ns=FAILOVER_NS):
        first, last = self.range()
        lost = number * PERIOD_NS
        self.assertLess(first, lost)
        self.assertGreater(last, lost + took_ns)
        self.assertLess(last - first, 3 * took_ns)
        self.assertIn(f"Fail-over {number} of {N_FAILOVERS}", self.text("failover"))

    def test_next_and_previous(self):
        self.open()
        for number in (1, 2, 3):
            self.click(NEXT)
            self.assert_shows_failover(number)
        self.click(PREVIOUS)
        self.assert_shows_failover(2)
        self.click(SLOWEST)
        self.assert_shows_failover(N_FAILOVERS, 2 * FAILOVER_NS)
        self.click(NEXT)
        self.assert_shows_failover(N_FAILOVERS, 2 * FAILOVER_NS)

    def test_steps(self):
        self.open()
        self.click(NEXT)
        steps = self.text("failover")
        for part in ("Fail-over 1 of 5: kill, 740 µs", "node 1, in epoch 112210290731629", "+400 µs", "node 2 is elected",
                     "+700 µs", "+701 µs", "+740 µs"):
            self.assertIn(part, steps)

    def test_table_of_failovers(self):
        self.open()
        self.browser.run("document.getElementById('all-failovers').open = true")
        self.browser.settle()
        self.browser.run("document.querySelector('#all-failovers tbody button').click()")
        self.browser.settle()
        self.assert_shows_failover(N_FAILOVERS, 2 * FAILOVER_NS)

    def test_words_under_the_pointer(self):
        self.open()
        x, y = self.middle_of("strip")
        top = self.browser.run("return document.getElementById('strip').getBoundingClientRect().top")
        self.browser.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [
            {"type": "pointerMove", "x": x, "y": round(top) + 10}]})
        self.assertRegex(self.text("tip"), r"node \d is master for")

    def test_phone(self):
        for width in (360, 768):
            self.open(width=width, height=800)
            self.click(NEXT)
            self.browser.run("document.getElementById('all-failovers').open = true")
            self.browser.settle()
            self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)

    def contrast(self, selector):
        """Of text and what is behind it, as WCAG defines it."""
        return self.browser.run("""
            const luminance = color => color.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
              .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
              .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
            const text = luminance(getComputedStyle(document.querySelector(arguments[0])).color);
            const back = luminance(getComputedStyle(document.body).backgroundColor);
            return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)""", selector)

    def test_figures_fill_their_rows(self):
        for width in (360, 640, 768, 920, 1080, 1280):
            self.open(width=width, height=800)
            gap = self.browser.run("""
                const box = document.getElementById('key-figures').getBoundingClientRect();
                const last = document.querySelector('#key-figures div:last-child').getBoundingClientRect();
                return box.right - last.right""")
            self.assertLess(gap, 3, width)

    def test_light_and_dark(self):
        backgrounds = []
        for scheme in ("light", "dark"):
            self.open()
            self.browser.prefer(scheme)
            self.browser.settle()
            backgrounds.append(self.browser.run("return getComputedStyle(document.body).backgroundColor"))
            for selector in ("h1", "p", ".hint", ".legend", "summary", ".held .state"):
                self.assertGreater(self.contrast(selector), 4.5, f"{selector}, {scheme}")
        self.assertNotEqual(*backgrounds)

    def test_accessible(self):
        self.open()
        self.assertEqual(self.browser.run("return document.querySelectorAll('h1').length"), 1)
        self.assertEqual(self.browser.run("""
            return [...document.querySelectorAll('canvas')]
              .filter(canvas => !canvas.ariaHidden && !canvas.ariaLabel).map(canvas => canvas.id)"""), [])
        self.assertEqual(self.browser.run("""
            return [...document.querySelectorAll('button')].filter(button => !button.ariaLabel && !button.innerText)
              .map(button => button.id)"""), [])

    def test_copy(self):
        self.open()
        self.click("copy")
        self.assertEqual(self.browser.run("""
            return new Promise(resolve => setTimeout(() => resolve(document.getElementById('copy').innerText), 100))"""),
                         "Copied")

    def test_large(self):
        self.open(make_page(self.folder.name, "large", 1000, 1000, "held"))
        self.assertRegex(self.text("thinned"), r"Of 1\s001\s000 messages, [\d\s]+ are drawn: all the others are counted")
        drawing = self.browser.run("""
            const before = performance.now();
            timed.forEach(chart => chart.draw());
            return performance.now() - before""")
        self.assertLess(drawing, 5000)


def main():
    global MAKE_PAGE
    missing = find_missing()
    if missing:
        required = os.environ.get("REPORT_BROWSER") == "required"  # in tests/run --full, which installs it
        # As unittest says it, so that tests/results.py finds the reason.
        print(f"report (in a browser) ... {'failed' if required else 'skipped'} {missing}", file=sys.stderr)
        return 1 if required else SKIPPED
    MAKE_PAGE = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
