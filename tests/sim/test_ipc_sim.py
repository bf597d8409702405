# SPDX-License-Identifier: LGPL-2.1-or-later
"""The simulator as one uses it: its commands, what it refuses, many seeds, scenarios, Ctrl-C, and a terminal; and that
its man page and its completion know all its options."""
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import unittest

SIM, SOURCE = sys.argv[1], sys.argv[2]
TIMEOUT_S = 90  # a run of a second takes three; the rest is for machines that have other work to do
HELP_WIDTH = 100  # of the longest line
SMALL = ['--nodes', '6', '--candidates', '3', '--min-kills-in-flight', '0', '--fault', 'kill']


def sim(*args, **kwargs):
    return subprocess.run([SIM, *args], capture_output=True, text=True, timeout=TIMEOUT_S, **kwargs)


def find_options():
    return set(re.findall(r'^  (?:-\w, )?(--[a-z-]+)', sim('--help').stdout, re.MULTILINE))


class Commands(unittest.TestCase):
    def test_list(self):
        result = sim('list')
        self.assertEqual(result.returncode, 0)
        for name in ('zombie', 'kill-all', 'claimed', 'one-master-per-epoch', 'nobody-starves'):
            self.assertRegex(result.stdout, rf'(?m)^  {name}\b')

    def test_list_topic(self):
        self.assertNotIn('zombie', sim('list', 'faults').stdout)
        refused = sim('list', 'nonsense')
        self.assertEqual(refused.returncode, 2)
        self.assertIn('scenarios', refused.stderr)

    def test_refused(self):
        for args, why in ((['--nodes', '0'], '--nodes must be from 1'), (['--fault', 'rain'], 'rain'),
                          (['run', 'rain'], 'zombie'), (['rain'], 'there are: run, check, list'), (['--rain'], '--rain'),
                          (['--count', '0'], '--count must be from 1'), (['--json', '/no/such/file'], '/no/such/file')):
            result = sim(*args)
            self.assertEqual(result.returncode, 2, args)
            self.assertIn(why, result.stderr)
            self.assertEqual(result.stdout, '')

    def test_help(self):
        for args in (['--help'], ['run', '--help'], ['check', '--help'], ['list', '--help']):
            result = sim(*args)
            self.assertEqual(result.returncode, 0)
            self.assertIn(' '.join(['ipc-sim', *args[:-1], '[OPTION']), result.stdout)
            self.assertEqual([line for line in result.stdout.splitlines() if len(line) > HELP_WIDTH], [])
        self.assertIn('How the processes interleave does not', sim('--help').stdout)


class Descriptions(unittest.TestCase):
    def read(self, name):
        with open(os.path.join(SOURCE, name), encoding='utf-8') as file:
            return file.read()

    def test_man_page(self):
        text = self.read('ipc-sim.1').replace('\\-', '-')
        self.assertEqual(find_options(), set(re.findall(r'(--[a-z-]+)', '\n'.join(
            line for line in text.splitlines() if line.startswith('.BR')))))

    def complete(self, *words):
        script = (f'source {SOURCE}/ipc-sim.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ipc_sim; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        result = subprocess.run(['bash', '-c', script, 'bash', SIM, *words], capture_output=True, text=True,
                                timeout=TIMEOUT_S, check=True)
        self.assertEqual(result.stderr, '')
        return set(result.stdout.split())

    def test_completion(self):
        self.assertEqual(self.complete('--'), find_options())
        self.assertEqual(self.complete(''), {'run', 'check', 'list'})
        self.assertEqual(self.complete('run', 'zo'), {'zombie'})
        self.assertEqual(self.complete('run', '--scenario', '=', 'stam'), {'stampede'})
        self.assertEqual(self.complete('--fault', 'kill-s'), {'kill-standby'})
        self.assertEqual(self.complete('--fault', '=', 'kill-s'), {'kill-standby'})
        self.assertEqual(self.complete('list', 'inv'), {'invariants'})


class Runs(unittest.TestCase):
    def test_count(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'summary.json')
            result = sim('--count', '2', '--seed', '7', '--duration', '0.5', '--json', path, '--report', directory, *SMALL)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            with open(path, encoding='utf-8') as file:
                summary = json.load(file)
            self.assertTrue(os.path.isfile(os.path.join(directory, 'seed-8', 'report.json')))
            self.assertIn(f'To look at: {directory}/seed-*/report.html', result.stdout)
        self.assertEqual([run['seed'] for run in summary['runs']], [7, 8])
        self.assertEqual(summary['broken'], 0)
        self.assertIn('2 runs, 0 broken', result.stdout)
        self.assertNotIn('\033', result.stdout + result.stderr)

    def test_scenario(self):
        result = sim('run', 'zombie', '--nodes', '6', '--duration', '2', '--seed', '1')
        self.assertIn(result.returncode, (0, 3), result.stdout + result.stderr)
        self.assertIn('hang-timeout   default', result.stderr)
        self.assertIn('nodes          given    6', result.stderr)
        self.assertRegex(result.stdout, r'held +\d+  converges')

    def test_swarm_is_printed(self):
        draws = [re.findall(r'(?m)^  .*drawn.*$', sim('--swarm', '--seed', '5', '--duration', '0.1').stderr)
                 for _ in range(2)]
        self.assertGreater(len(draws[0]), 8)
        self.assertEqual(draws[0], draws[1])

    def test_interrupt(self):
        process = subprocess.Popen([SIM, '--duration', '600', *SMALL], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        for line in process.stderr:
            if re.search(r" chaos .* [1-9][0-9]* kills", line):
                break
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT_S)
        self.assertIn('Interrupted', stderr)
        self.assertIn('All promises held', stdout)
        self.assertIn(process.returncode, (0, 3))  # 3: before any kill


class Terminal(unittest.TestCase):
    def run_at_terminal(self, **environment):
        main, other = pty.openpty()
        environment = {**os.environ, 'TERM': 'xterm', **environment}
        process = subprocess.Popen([SIM, '--duration', '1', *SMALL], stdout=other, stderr=other, env=environment)
        os.close(other)
        output = b''
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # nobody has the other end any more
                break
            output += chunk
        os.close(main)
        self.assertIn(process.wait(timeout=TIMEOUT_S), (0, 3))
        return output.decode()

    def test_view(self):
        output = self.run_at_terminal()
        view, report = output.split('\033[?25h\033[?1049l')
        self.assertIn('\033[?1049h', view)
        self.assertRegex(view, r'master    node \d+  epoch \d+')
        self.assertIn('\033[1m', view)
        self.assertIn('All promises held', report)
        self.assertNotIn('\033', report)

    def test_no_color(self):
        self.assertNotRegex(self.run_at_terminal(NO_COLOR='1'), '\033\\[\\d+m')

    def test_dumb(self):
        self.assertNotIn('\033', self.run_at_terminal(TERM='dumb'))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
