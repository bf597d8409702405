# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process may write down at all, by docs/history.md: a history that could not have come about proves nothing.

This knows the life of each process, from `started` to `closed`, but nothing of messages.
"""

PHASES = "start warm-up chaos heal converge drain rest close end".split()


class Life:
    """What one process has written of itself so far."""

    def __init__(self, line):
        self.fate = line["fate"]
        self.pid = line["pid"]
        self.started = self.drained = self.killed = False
        self.stopped = None       # by whom, while it stands still
        self.unexplained = None   # an epoch of which it ceased to be master, though it neither resigned nor closed
        self.last = None          # its last event, if there can be none after it
        self.role = None
        self.said = set()         # (event, epoch) of what is said once in each


class Records:
    """Returns for each event what is wrong with it, or None."""

    def __init__(self, nodes):
        self.lives = [Life(line) for line in nodes]
        self.phase = -1

    def complain(self, event):
        life = self.lives[event["node"]]
        name = event["event"]
        if "by" in event:
            return self.complain_of_supervisor(life, name, event)
        if life.last:
            return f"after it had {life.last}"
        if life.stopped == "itself":
            return "while it stood still"
        if not life.started and name != "started":
            return "before it was started"
        check = CHECKS.get(name)
        return check(life, event) if check else None

    def complain_of_supervisor(self, life, name, event):
        if name == "killed":
            again, life.killed = life.killed, True
            return "killed before" if again else None
        if name == "stopped":
            return stop(life, "the supervisor")
        if name == "continued" and event["fault"] != "starve":
            before, life.stopped = life.stopped, None
            return None if before else "it did not stand still"
        if name == "phase":
            before, self.phase = self.phase, PHASES.index(event["phase"]) if event["phase"] in PHASES else -1
            return None if self.phase > before and (before >= 0 or self.phase == 0) else "not a phase that can come now"
        return None

    def complain_at_end(self):
        for number, life in enumerate(self.lives):
            closed = life.last == "closed"
            if life.fate == "closed" and not closed:
                yield f"node {number} has closed, and did not say so"
            if life.fate == "killed" and not life.killed and life.last != "aborting":
                yield f"node {number} was killed, and nobody said so"
            if closed and life.stopped:
                yield f"node {number} closed, and nobody had made it go on"
            if closed and life.unexplained:
                yield f"node {number} was master of {life.unexplained} no more, and did not say why"


def started(life, event):
    again, life.started = life.started, True
    if again:
        return "started before"
    return None if event["pid"] == life.pid else f"its process is {life.pid}"


def role(life, event):
    before, life.role = life.role, (event["role"], event["epoch"])
    if before and before[0] == "master" and event["role"] != "idle" and ("resigning", before[1]) not in life.said:
        life.unexplained = before[1]
    return "this was known" if before == life.role else None


def sent(life, event):
    return "sent, though drained" if life.drained else None


def drained(life, event):
    again, life.drained = life.drained, True
    return "drained before" if again else None


def closed(life, event):
    life.last = "closed"
    return None


def aborting(life, event):
    life.last = "aborting"
    return by_master(life, event)


def elected(life, event):
    return once(life, event) or (None if life.role == ("master", event["epoch"]) else "its role is another")


def resigned(life, event):
    return once(life, event) or (None if ("resigning", event["epoch"]) in life.said else "it was not resigning")


def resigning(life, event):
    return by_master(life, event) or once(life, event)


def deposed(life, event):
    life.unexplained = None
    return by_master(life, event) or once(life, event)


def stopped(life, event):
    return by_master(life, event) or stop(life, "itself")


def stop(life, by):
    before, life.stopped = life.stopped, by
    return f"stopped by {before} already" if before else None


def once(life, event):
    what = event["event"], event["epoch"]
    if what in life.said:
        return "said before"
    life.said.add(what)
    return None


def by_master(life, event):
    return None if ("elected", event["epoch"]) in life.said else "it was not elected"


CHECKS = {
    "started": started,
    "role": role,
    "sent": sent,
    "drained": drained,
    "closed": closed,
    "elected": elected,
    "deposed": deposed,
    "resigning": resigning,
    "resigned": resigned,
    "aborting": aborting,
    "stopped": stopped,
    "handled": by_master,
    "responded": by_master,
    "wrote": by_master,
    "fenced": by_master,
}
