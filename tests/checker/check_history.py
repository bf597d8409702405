#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_history.py [--json] HISTORY: does the history of a run of ipc-sim keep the promises of libipc?

The simulator's checker can be wrong as anything can, and what it does not see nobody misses. So this is a second one, by
the same names, written from docs/history.md, docs/guarantees.md and docs/simulator.md; the two have nothing in common
but these pages. It decides what the library promises about messages, answers, epochs and processes. Why a wait was
long, or an election needed, is left to the first (`ipc-sim list invariants` names all).

One pass goes through the events and judges what can be judged at once. What needs to know all masters that a message
met comes at the end, message by message. There it is the epochs that say what came first, not the clock: a master that
was stopped in the middle of a message, and replaced, hands it over when it goes on: later than its successor, but in an
older epoch.

Exit status: 0 all held, 1 something broke, 2 not a whole history.
"""

import argparse
import json
import sys

from history import TIMED_KEYS, History, NotAHistory
from records import Records

INVARIANTS = """
records-are-sound       what each process wrote down is something that it may have
every-send-ends         what a survivor sent has an outcome
every-send-is-answered  and the outcome is the handler's answer, or one that it may be
not-sent-is-not-handled what the library says was not sent, nobody handles
given-up-in-time        a deadline ends a send, neither early nor late
every-send-ends-once    an outcome belongs to one send and comes once
answered-was-handled    an answer's handler handled it in its epoch
answer-names-its-epoch  the library names the epoch of the handling
answers-exact           answers arrive byte for byte
no-stale-answer         who has seen an epoch takes nothing begun in an older one
messages-exact          messages arrive byte for byte
handled-was-sent        nothing is handled that was not sent before
one-identity            sender, pid and sequence are true, and stay
order-in-epoch          a master handles a sender's messages in order
order-across-epochs     first handlings are in order across masters
once-per-epoch          nothing is handled twice in one epoch
repeats-are-marked      a second handling is marked as redelivered
not-after-its-answer    what its sender saw answered is not handled again
not-after-its-handling  nor what a handler had answered by then
at-most-once            what is to be handled at most once is
deliveries-are-counted  delivery counts begin at 1 and rise
fence-holds             a resource that compares epochs takes no older master's write
one-master-per-epoch    an epoch has one master, elected once
epochs-increase         no node sees an epoch go back
strangers-are-judged    who breaks the protocol is refused, who keeps to it is not
every-node-joined       who was not killed became a member
no-node-crashed         no process ended but by our doing
no-process-left         nobody lives on when all have ended
every-node-closed       who was told to close did, in time
"""

# Faults that take the group file away, or what is in it, and the ledger with it.
FORGETTING = {"delete-file", "delete-directory", "hold-delete", "replace-file", "truncate-file", "full-disk"}
# Faults after which whoever is master may have been replaced without having stood still.
REPLACING = {"flip-word", "starve"}
# What is forgotten with the file may be known to a master that takes over at the time, this long before it can say so.
ELECTION_NS = 100_000_000

# Outcomes other than an answer, and what a message has to be (any of these) to have it. Any answer may be lost.
MAY_FAIL = {
    "outcome-unknown": {"at_most_once"},
    "poisoned": {"poison"},
    "timed-out": {"deadline"},
    "not-sent": {"deadline"},
    "no-master": {"deadline", "fail_fast"},
    "queue-full": {"refusable"},
    "cancelled": {"cancel"},
}
ALWAYS_MAY_FAIL = {"response-lost"}
NOT_SENT = {"not-sent", "no-master", "queue-full"}
# These come when it is time, and not much later.
IN_TIME = {"timed-out", "not-sent", "cancelled"}
LATE_NS = 10_000_000_000
LATE_HANG_TIMEOUTS = 4


class Invariant:
    def __init__(self, name, promise):
        self.name, self.promise = name, promise
        self.checked = self.broken = 0
        self.example = None


class Message:
    __slots__ = "sender", "how", "sent_ns", "after_ns", "handlings", "ended", "not_sent", "answer_epoch", "sequence"
    hows = {}

    def __init__(self, event):
        self.sender, self.sent_ns, self.after_ns = event["node"], event["time_ns"], event.get("after_ms", 0) * 1_000_000
        how = frozenset(event)
        self.how = self.hows.setdefault(how, how)     # few differ
        self.handlings = []
        self.ended = self.not_sent = False
        self.answer_epoch = self.sequence = None

    def is_any(self, *how):
        return not self.how.isdisjoint(how)

    def handled_in(self, epoch):
        return next((h for h in self.handlings if h.epoch == epoch), None)


class Handling:
    __slots__ = "node", "epoch", "begun_ns", "delivery", "marked", "responded_ns", "answered_ns"

    def __init__(self, event):
        self.node, self.epoch, self.begun_ns = event["node"], event["epoch"], event["time_ns"]
        self.delivery, self.marked = event["delivery"], "redelivered" in event
        self.responded_ns = None
        self.answered_ns = None


class Node:
    """What is known of a process as its events go by."""

    def __init__(self):
        self.pid = self.id = None
        self.messages = {}        # by number
        self.sequences = set()
        self.seen = []            # (epoch, time) each time it came to know a newer one
        self.still = []           # when it was stopped, or began not to say anything for as long as one that hangs
        self.last_word_ns = None

    def newest_seen(self):
        return self.seen[-1][0] if self.seen else 0


class Checker:
    def __init__(self, history):
        self.history = history
        self.invariants = {line.split()[0]: Invariant(*line.split(None, 1)) for line in INVARIANTS.splitlines() if line}
        self.records = Records(history.nodes)
        self.nodes = [Node() for _ in self.history.nodes]
        self.foreign = "foreign" in self.history.run
        self.hang_ns = self.history.run["hang_timeout_ms"] * 1_000_000
        self.masters = {}                                    # epoch: its first `elected`
        self.newest_handled = {}                             # (epoch, sender): number
        self.forgotten = []                                  # when the group file was taken away
        self.unsettled = []                                  # when it became possible that a master was replaced
        self.deposed = set()                                 # epochs whose masters found out
        self.writes = []

    def judge(self, name, holds, why, event=None):
        invariant = self.invariants[name]
        invariant.checked += 1
        if not holds:
            invariant.broken += 1
            invariant.example = invariant.example or (f"{why}: {json.dumps(event)}" if event else why)
        return holds

    def check(self):
        # An event that says nothing about a promise has no method here.
        methods = {event: getattr(self, f"on_{event}", None) for event in TIMED_KEYS}
        for event in self.history.events():
            complaint = self.records.complain(event)
            self.judge("records-are-sound", not complaint, complaint, event)
            if "by" not in event:
                self.note_silence(self.nodes[event["node"]], event["time_ns"])
            if method := methods[event["event"]]:
                method(self.nodes[event["node"]], event)
        self.conclude()
        return self.invariants.values()

    def note_silence(self, node, time):
        if node.last_word_ns is not None and time - node.last_word_ns > self.hang_ns:
            node.still.append(node.last_word_ns)
        node.last_word_ns = time

    # The group and its masters

    def on_started(self, node, event):
        node.pid, node.id = event["pid"], event["node_id"]

    def on_elected(self, node, event):
        self.judge("one-master-per-epoch", event["epoch"] not in self.masters, "elected, and not the first", event)
        self.masters.setdefault(event["epoch"], event)
        self.see(node, event)

    def on_role(self, node, event):
        # 0: it knows of no master now, and says nothing of those before.
        if event["epoch"] != 0:
            self.see(node, event)

    def see(self, node, event):
        newest = node.newest_seen()
        self.judge("epochs-increase", event["epoch"] >= newest, f"had seen {newest}", event)
        if event["epoch"] > newest:
            node.seen.append((event["epoch"], event["time_ns"]))

    def on_stopped(self, node, event):
        node.still.append(event["time_ns"])

    def on_injected(self, node, event):
        if event["fault"] in FORGETTING:
            self.forgotten.append(event["time_ns"])

        if event["fault"] in REPLACING:
            self.unsettled.append(event["time_ns"])

    on_disturbed = on_effective = on_injected

    def on_deposed(self, node, event):
        self.deposed.add(event["epoch"])

    def on_left(self, node, event):
        self.judge("no-process-left", False, "not ended with the others", event)

    def on_stranger(self, node, event):
        self.judge("strangers-are-judged", "wrong" not in event, "not treated as it should be", event)

    # Messages, in the order of events

    def on_sent(self, node, event):
        number = event["number"]
        fresh = number == len(node.messages) + 1
        self.judge("every-send-ends-once", fresh, f"sent after {len(node.messages)} others", event)
        if number not in node.messages:
            node.messages[number] = Message(event)

    def on_handled(self, node, event):
        if not self.judge("messages-exact", "damaged" not in event, "not what was sent", event):
            return
        sender, number, epoch = event["sender"], event["number"], event["epoch"]
        message = self.nodes[sender].messages.get(number) if sender < len(self.nodes) else None
        if not self.judge("handled-was-sent", message, "never sent by then", event):
            return
        self.judge_identity(self.nodes[sender], message, event)
        master = self.masters.get(epoch)
        good = master and master["node"] == event["node"]
        self.judge("one-master-per-epoch", good, "handled by who is not its master", event)
        self.judge("epochs-increase", epoch >= node.newest_seen(), "by who had seen a newer one", event)

        earlier = message.handled_in(epoch)
        if self.judge("once-per-epoch", not earlier, "handled again", event):
            newest = self.newest_handled.get((epoch, sender), 0)
            self.judge("order-in-epoch", number > newest, f"handled after number {newest}", event)
            self.newest_handled[epoch, sender] = max(number, newest)
        message.handlings.append(Handling(event))

    def judge_identity(self, sender, message, event):
        sequence = event["sequence"]
        if message.sequence is None:
            self.judge("one-identity", sequence not in sender.sequences, "the sequence of another message", event)
            message.sequence = sequence
            sender.sequences.add(sequence)
        true = (sequence, event["sender_pid"], event["sender_id"]) == (message.sequence, sender.pid, sender.id)
        self.judge("one-identity", true, f"it is {message.sequence} of {sender.id}, process {sender.pid}", event)

    def on_responded(self, node, event):
        handling = self.handling_of(event)
        if self.judge("answered-was-handled", handling, "it had not handled this", event):
            self.judge("records-are-sound", handling.responded_ns is None, "had an answer before", event)
            handling.responded_ns = handling.responded_ns or event["time_ns"]

    def handling_of(self, event):
        """By this node, in the epoch of the event, or None."""
        sender = self.nodes[event["sender"]] if event["sender"] < len(self.nodes) else None
        message = sender and sender.messages.get(event["number"])
        handling = message and message.handled_in(event["epoch"])
        return handling if handling and handling.node == event["node"] else None

    def end(self, node, event):
        message = node.messages.get(event["number"])
        self.judge("every-send-ends-once", message and not message.ended, "nothing was left to end", event)
        if message:
            message.ended = True
            if message.is_any("deadline", "cancel"):
                latest = message.sent_ns + message.after_ns + LATE_NS + LATE_HANG_TIMEOUTS * self.hang_ns
                self.judge("given-up-in-time", event["time_ns"] <= latest, "too late", event)
        return message

    def on_failed(self, node, event):
        self.fail(self.end(node, event), event["code"], event["code"] in NOT_SENT, event)

    def on_cancelled(self, node, event):
        self.fail(self.end(node, event), "cancelled", "not_sent" in event, event)

    def fail(self, message, code, not_sent, event):
        may = message and (code in ALWAYS_MAY_FAIL or message.is_any(*MAY_FAIL.get(code, ())))
        self.judge("every-send-is-answered", may, "not for such a message", event)
        if message:
            message.not_sent |= not_sent
            if code in IN_TIME:
                soonest = message.sent_ns + message.after_ns
                self.judge("given-up-in-time", event["time_ns"] >= soonest, f"before {soonest} ns", event)

    def on_answered(self, node, event):
        message = self.end(node, event)
        self.judge("every-send-is-answered", True, "")
        if not self.judge("answers-exact", "damaged" not in event, "no handler's answer", event) or not message:
            return
        epoch = event["epoch"]
        handling = message.handled_in(epoch)
        good = handling and (handling.node == event["handler"] or self.foreign)
        if not self.judge("answered-was-handled", good, "not handled by then", event):
            return
        if not self.foreign:
            self.judge("answer-names-its-epoch", event["named_epoch"] == epoch, "another is named", event)
        message.answer_epoch = epoch
        handling.answered_ns = event["time_ns"]
        # What had been begun before this node knew of a newer epoch may come from the ledger of any later master.
        fresh = node.newest_seen() <= epoch or handling.begun_ns <= next(ns for newer, ns in node.seen if newer > epoch)
        self.judge("no-stale-answer", fresh, "begun when a newer epoch had been seen", event)

    # The fence

    def on_wrote(self, node, event):
        self.judge_writer(event)
        self.writes.append(event)

    def on_fenced(self, node, event):
        self.judge_writer(event)
        self.judge("fence-holds", event["newest_epoch"] > event["epoch"], "refused, but not stale", event)

    def judge_writer(self, event):
        self.judge("fence-holds", self.handling_of(event), "not by who handled this", event)

    def judge_fence(self):
        newest, last = 0, None
        for write in sorted(self.writes, key=lambda write: write["place"]):
            good = write["place"] != last and write["epoch"] >= newest
            self.judge("fence-holds", good, f"the write before it was of {newest}", write)
            newest, last = max(newest, write["epoch"]), write["place"]

    # When all is over

    def conclude(self):
        for complaint in self.records.complain_at_end():
            self.judge("records-are-sound", False, complaint)
        self.judge_fence()
        self.judge_answers()
        for node, line in zip(self.nodes, self.history.nodes):
            self.judge_fate(line)
            self.judge_messages(node, line["fate"] == "closed")

    def judge_answers(self):
        """Who wrote anything after its answer had arrived has written that it gave it."""
        for message in (message for node in self.nodes for message in node.messages.values()):
            for handling in message.handlings:
                if handling.answered_ns is not None and handling.responded_ns is None and not self.foreign:
                    silent = self.nodes[handling.node].last_word_ns <= handling.answered_ns
                    self.judge("records-are-sound", silent, f"node {handling.node} does not say that it answered")

    def judge_fate(self, line):
        self.judge("no-node-crashed", line["fate"] != "crashed", "crashed", line)
        if line["fate"] != "killed":
            self.judge("every-node-joined", "joined" in line, "never a member", line)
            self.judge("every-node-closed", line["fate"] != "hung", "did not close", line)

    def judge_messages(self, node, survived):
        newest_first = 0
        for number, message in sorted(node.messages.items()):
            name = f"message {number} of node {message.sender}"
            if survived:
                self.judge("every-send-ends", message.ended, f"{name} has no outcome")
            if message.not_sent:
                self.judge("not-sent-is-not-handled", not message.handlings, f"{name} was handled")
            if message.is_any("at_most_once"):
                n_handlings = len(message.handlings)
                self.judge("at-most-once", n_handlings <= 1, f"{name} was handled {n_handlings} times")
            if message.handlings:
                handlings = sorted(message.handlings, key=lambda handling: handling.epoch)
                first = handlings[0].epoch
                self.judge("order-across-epochs", first >= newest_first,
                           f"{name} was first handled in {first}, and one before it in {newest_first}")
                newest_first = max(newest_first, first)
                self.judge_repeats(name, message, handlings)

    def judge_repeats(self, name, message, handlings):
        """All that one message met, from the oldest epoch to the newest."""
        for i, now in enumerate(handlings):
            self.judge("deliveries-are-counted", now.delivery >= 1 and (now.marked or now.delivery == 1),
                       f"{name} came to {now.epoch} as delivery {now.delivery}, unmarked")
            for before in handlings[:i]:
                if before.epoch < now.epoch:
                    self.judge_repeat(name, message, before, now)
            if now.responded_ns is not None and not self.may_be_replaced(now):
                again = [later.epoch for later in handlings[i + 1:] if later.epoch > now.epoch
                         and later.begun_ns > now.responded_ns and not self.was_forgotten(now.epoch, later.epoch)]
                self.judge("not-after-its-handling", not again, f"{name}, answered in {now.epoch}, came to {again}")

    def judge_repeat(self, name, message, before, now):
        what = f"{name}, handled in {before.epoch}, was handled again in {now.epoch}"
        # To a master that held it already when its successor took over, and begins on it last, it is no repeat.
        if before.begun_ns <= now.begun_ns:
            self.judge("repeats-are-marked", now.marked, f"{what}, unmarked")
        if self.was_forgotten(before.epoch, now.epoch):
            return
        self.judge("deliveries-are-counted", now.delivery > before.delivery,
                   f"{what}, as delivery {before.delivery} and then {now.delivery}")
        if message.answer_epoch is not None:
            self.judge("not-after-its-answer", message.answer_epoch != before.epoch, f"{what}, though answered")

    def was_forgotten(self, old, new):
        """Was the group file taken away between the elections of these masters?"""
        elected = [self.masters[epoch]["time_ns"] if epoch in self.masters else None for epoch in (old, new)]
        return None in elected or any(elected[0] - ELECTION_NS <= ns <= elected[1] for ns in self.forgotten)

    def may_be_replaced(self, handling):
        """Could this master have been replaced before it answered? Then its answer went nowhere."""
        elected = self.masters.get(handling.epoch)
        return (elected is None or handling.epoch in self.deposed
                or any(elected["time_ns"] <= ns <= handling.responded_ns
                       for ns in self.nodes[handling.node].still + self.unsettled))


def print_text(invariants):
    for i in invariants:
        print(f"{'held' if i.broken == 0 else 'BROKEN':6} {i.checked:9}  {i.name:24} {i.promise}")
        if i.example:
            print(f"{'':18}{i.broken} times, at first: {i.example}")


def print_json(invariants):
    held = all(i.broken == 0 for i in invariants)
    json.dump({
        "verdict": "held" if held else "broken",
        "invariants": [{"name": i.name, "held": i.broken == 0, "checked": i.checked, "broken": i.broken,
                        "example": i.example} for i in invariants],
    }, sys.stdout, indent=1)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("history", metavar="HISTORY", help="history.jsonl of ipc-sim --report")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    options = parser.parse_args()
    try:
        with open(options.history, "rb") as file:
            invariants = list(Checker(History(file)).check())
    except (OSError, NotAHistory) as error:
        print(f"{options.history}: {error}", file=sys.stderr)
        return 2
    (print_json if options.json else print_text)(invariants)
    return 0 if all(i.broken == 0 for i in invariants) else 1


if __name__ == "__main__":
    sys.exit(main())
