# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what docs/history.md describes, and nothing else: a file that does not keep to the page is refused."""

import json

# docs/history.md: the keys of each line; with a ? what may be left out. Events have time_ns, node, and perhaps by, too.
KEYS = {
    "run": "format seed hang_timeout_ms max_deliveries nodes foreign? command?",
    "node": "node pid fate candidate? joined? end?",
    "end": "events",
}
TIMED_KEYS = {
    "started": "pid node_id",
    "role": "role epoch",
    "elected": "epoch",
    "deposed": "epoch",
    "resigning": "epoch",
    "resigned": "epoch",
    "sent": "number at_most_once? poison? deadline? cancel? after_ms? fail_fast? refusable?",
    "handled": "sender number epoch delivery redelivered? damaged? sequence sender_pid sender_id",
    "responded": "sender number epoch",
    "answered": "number handler epoch named_epoch error? damaged?",
    "failed": "number code",
    "cancelled": "number not_sent?",
    "wrote": "sender number epoch place",
    "fenced": "sender number epoch newest_epoch",
    "aborting": "epoch",
    "stopped": "fault epoch point?",
    "cut": "connections",
    "error": "code",
    "effective": "fault",
    "drained": "",
    "closed": "",
    "planned": "fault",
    "phase": "phase",
    "injected": "fault rule?",
    "disturbed": "fault",
    "killed": "fault epoch point?",
    "continued": "fault",
    "overtaken": "epoch",
    "stranger": "fault wrong?",
    "sampled": "moment descriptors threads memory_kib cpu_ms switches",
    "left": "pid",
}
KEYS.update({event: f"time_ns node by? {keys}" for event, keys in TIMED_KEYS.items()})
FLAGS = ("foreign candidate joined at_most_once poison deadline cancel fail_fast refusable redelivered damaged error "
         "not_sent wrong").split()
TEXTS = "event command fate end by node_id role sender_id code fault phase moment point".split()
KINDS = {**dict.fromkeys(FLAGS, bool), **dict.fromkeys(TEXTS, str)}     # all others are numbers
REQUIRED = {event: {"event", *(k for k in keys.split() if k[-1] != "?")} for event, keys in KEYS.items()}
ALLOWED = {event: {"event", *(k.rstrip("?") for k in keys.split())} for event, keys in KEYS.items()}

FORMAT = 1
LINE_SIZE_MAX = 64 * 1024
NUMBER_MAX = 2**64 - 1


class NotAHistory(Exception):
    """The file is none, or not whole, or speaks of something that this program does not know."""


class History:
    """A file, line by line: `run`, `nodes`, and then, once, all events in the order of time."""

    def __init__(self, file):
        self.lines = enumerate(file, 1)
        self.run = self.next_line("run")
        if self.run["format"] != FORMAT:
            self.refuse(f"format {self.run['format']}, not {FORMAT}")
        self.nodes = [self.next_line("node") for _ in range(self.run["nodes"])]
        if any(line["node"] != i for i, line in enumerate(self.nodes)):
            self.refuse("the nodes are not numbered from 0 on")

    def refuse(self, complaint):
        raise NotAHistory(f"line {self.number}: {complaint}")

    def next_line(self, expected=None):
        self.number, text = next(self.lines, (0, None))
        if text is None:
            raise NotAHistory("ends too early")
        if len(text) > LINE_SIZE_MAX:
            self.refuse(f"longer than {LINE_SIZE_MAX} bytes")
        try:
            line = json.loads(text.decode())
        except ValueError as error:
            self.refuse(error)
        event = line.get("event") if type(line) is dict else None
        if event not in KEYS:
            self.refuse(f"no event that is known: {event}")
        if expected and event != expected:
            self.refuse(f"“{event}” where “{expected}” should be")
        if not REQUIRED[event] <= line.keys() <= ALLOWED[event]:
            wrong = (REQUIRED[event] - line.keys()) | (line.keys() - ALLOWED[event])
            self.refuse(f"“{event}” with keys that are missing or not known: {', '.join(sorted(wrong))}")
        for key, value in line.items():
            kind = KINDS.get(key, int)
            # What is not true is left out.
            if type(value) is not kind or value is False or (kind is int and not 0 <= value <= NUMBER_MAX):
                self.refuse(f"{key} cannot be {value!r}")
        return line

    def events(self):
        count = time = 0
        while (line := self.next_line())["event"] != "end":
            if line["event"] not in TIMED_KEYS:
                self.refuse(f"“{line['event']}” among the events")
            if line["time_ns"] < time:
                self.refuse("older than the line before")
            if line["node"] >= len(self.nodes):
                self.refuse(f"no node {line['node']}")
            time = line["time_ns"]
            count += 1
            yield line
        if line["events"] != count:
            self.refuse(f"{count} events, not {line['events']}")
        if next(self.lines, None):
            self.refuse("more after the end")
