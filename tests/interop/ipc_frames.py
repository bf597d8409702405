# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frames of the libipc protocol, version 1: bytes <-> values (docs/protocol.md, sections 2 to 4 and 6).

Pure functions, no sockets. `decode` is what a receiver does: it says "not enough yet" (None), gives a frame, or raises
Violation as soon as the header shows it. `encode` checks nothing, so that tests can make bad frames with it.
"""

import enum
import struct
from typing import NamedTuple

HEADER = struct.Struct("<IBBHQQ")  # length, type, flags, n_fds, sequence, number
HELLO = struct.Struct("<4sHH16sIB3sQ")
WELCOME = struct.Struct("<HHIQII16s")
FAILURE = struct.Struct("<iH")

MAGIC = b"LIPC"
VERSION = 1
REPEAT = 1  # flag: this MESSAGE was sent before
ONCE = 2  # flag: not to be handled again once it may have been begun
SEQUENCE_END = 1 << 63
HANDSHAKE_MAX = 1024  # bytes of payload before the handshake is done
REFUSED_MAX = 1024
MESSAGE_SIZE_MIN = 1024  # lowest max_message_size
FAILURE_MIN = FAILURE.size + 1  # a domain has at least one byte
DOMAIN_MAX = 255


class Type(enum.IntEnum):
    HELLO = 1
    WELCOME = 2
    REFUSED = 3
    MESSAGE = 4
    RESPONSE = 5
    FAILURE = 6
    PING = 7
    PONG = 8
    GOODBYE = 9
    ACK = 10


class Code(enum.IntEnum):
    """Why a connection was refused."""

    PROTOCOL = 1
    VERSION = 2
    NOT_ALLOWED = 3
    TOO_MANY = 4
    BUSY = 5
    STALE = 6
    TIMEOUT = 7
    CLOSING = 8


class Violation(Exception):
    """The peer broke a rule of the protocol; the text goes into the REFUSED that it gets."""


class Frame(NamedTuple):
    type: int
    sequence: int = 0
    number: int = 0
    payload: bytes = b""
    flags: int = 0


class Rule(NamedTuple):
    """What may be in the header of a frame of one type."""

    phases: dict  # sender -> phases in which it may send this
    size: tuple | None = (0, 0)  # of the payload; None: up to the receiver's max_message_size
    sequence: str = "zero"  # zero, not zero, or any
    number: str = "zero"
    flags: int = 0


HELLO_PHASE, OPEN = "hello", "open"
RULES = {
    Type.HELLO: Rule({"client": (HELLO_PHASE,)}, (HELLO.size, HELLO.size), number="any"),
    Type.WELCOME: Rule({"master": (HELLO_PHASE,)}, (WELCOME.size, WELCOME.size), number="not zero"),
    Type.REFUSED: Rule({"client": (OPEN,), "master": (HELLO_PHASE, OPEN)}, (0, REFUSED_MAX), number="not zero"),
    Type.MESSAGE: Rule({"client": (OPEN,)}, None, "not zero", "any", REPEAT | ONCE),
    Type.RESPONSE: Rule({"master": (OPEN,)}, None, "not zero", "not zero"),
    Type.FAILURE: Rule({"master": (OPEN,)}, None, "not zero", "not zero"),
    Type.PING: Rule({"client": (OPEN,), "master": (OPEN,)}, sequence="any"),
    Type.PONG: Rule({"client": (OPEN,), "master": (OPEN,)}, sequence="any"),
    Type.GOODBYE: Rule({"client": (OPEN,), "master": (OPEN,)}, sequence="any"),
    Type.ACK: Rule({"client": (OPEN,)}, number="any"),
}


def require(condition, text):
    if not condition:
        raise Violation(text)


def keeps(rule, value):
    """Whether a field of the header is what its rule says: "zero", "not zero", "any"."""
    return rule == "any" or (value == 0) == (rule == "zero")


def encode(frame, n_fds=0):
    header = HEADER.pack(len(frame.payload), frame.type, frame.flags, n_fds, frame.sequence, frame.number)
    return header + frame.payload


def decode(data, sender, phase, max_message_size):
    """The frame at the beginning of `data`, sent by `sender` ("client" or "master"); None while it is incomplete.

    It takes HEADER.size + len(frame.payload) bytes. HELLO, WELCOME and FAILURE have further rules: unpack_*()."""
    if len(data) < HEADER.size:
        return None
    length, type_, flags, n_fds, sequence, number = HEADER.unpack_from(data)
    require(type_ in RULES, f"unknown frame type {type_}")
    type_ = Type(type_)
    rule = RULES[type_]
    require(sender in rule.phases, f"{type_.name} is not sent by a {sender}")
    require(phase in rule.phases[sender], f"{type_.name} out of place")
    require(flags & ~rule.flags == 0, f"{type_.name} with unknown flags {flags:#x}")
    require(n_fds == 0, f"{type_.name} with {n_fds} descriptors")
    sequence_rule = "zero" if (type_, sender) == (Type.GOODBYE, "client") else rule.sequence
    require(keeps(sequence_rule, sequence), f"{type_.name} with {sequence} as sequence")
    require(keeps(rule.number, number), f"{type_.name} with {number} as number")
    low, high = rule.size or (0, max_message_size)
    require(low <= length <= high, f"{type_.name} of {length} bytes")
    if type_ == Type.MESSAGE:
        require(number < sequence, f"MESSAGE {sequence} acknowledges {number}")
        require(sequence < SEQUENCE_END, f"MESSAGE {sequence} is beyond the last number")
    if len(data) < HEADER.size + length:
        return None
    return Frame(type_, sequence, number, bytes(data[HEADER.size:HEADER.size + length]), flags)


class Hello(NamedTuple):
    node_id: bytes
    newest_epoch: int = 0
    max_message_size: int = 16 << 20
    mode: int = 1  # client
    version_min: int = VERSION
    version_max: int = VERSION
    magic: bytes = MAGIC
    reserved: bytes = bytes(3)
    oldest_epoch: int = 0


def pack_hello(hello):
    return encode(Frame(Type.HELLO, number=hello.oldest_epoch, payload=HELLO.pack(
        hello.magic, hello.version_min, hello.version_max, hello.node_id, hello.max_message_size, hello.mode,
        hello.reserved, hello.newest_epoch)))


def unpack_hello(payload):
    magic, version_min, version_max, node_id, max_message_size, mode, reserved, newest_epoch = HELLO.unpack(payload)
    require(magic == MAGIC, "HELLO with a wrong magic")
    require(1 <= version_min <= version_max, f"HELLO with versions {version_min} to {version_max}")
    require(any(node_id), "HELLO with an empty node id")
    require(max_message_size >= MESSAGE_SIZE_MIN, f"HELLO with max_message_size {max_message_size}")
    require(mode <= 2, f"HELLO with mode {mode}")
    require(not any(reserved), "HELLO with reserved bytes set")
    return Hello(node_id, newest_epoch, max_message_size, mode, version_min, version_max)


class Welcome(NamedTuple):
    node_id: bytes
    window_messages: int = 1024
    window_bytes: int = 8 << 20
    max_message_size: int = 16 << 20
    version: int = VERSION
    reserved: tuple = (0, 0)


def pack_welcome(welcome, epoch):
    return encode(Frame(Type.WELCOME, number=epoch, payload=WELCOME.pack(
        welcome.version, welcome.reserved[0], welcome.window_messages, welcome.window_bytes,
        welcome.max_message_size, welcome.reserved[1], welcome.node_id)))


def unpack_welcome(payload):
    version, reserved1, window_messages, window_bytes, max_message_size, reserved2, node_id = WELCOME.unpack(payload)
    require(version == VERSION, f"WELCOME with version {version}")
    require(reserved1 == 0 and reserved2 == 0, "WELCOME with reserved bytes set")
    require(window_messages >= 1 and window_bytes >= 1, "WELCOME with an empty window")
    require(max_message_size >= MESSAGE_SIZE_MIN, f"WELCOME with max_message_size {max_message_size}")
    require(any(node_id), "WELCOME with an empty node id")
    return Welcome(node_id, window_messages, window_bytes, max_message_size, version)


class Failure(NamedTuple):
    """A GError."""

    domain: str
    code: int
    text: str


def pack_failure(failure, sequence, epoch):
    domain = failure.domain.encode()
    payload = FAILURE.pack(failure.code, len(domain)) + domain + failure.text.encode()
    return encode(Frame(Type.FAILURE, sequence, epoch, payload))


def unpack_failure(payload):
    require(len(payload) >= FAILURE_MIN, f"FAILURE of {len(payload)} bytes")
    code, domain_len = FAILURE.unpack_from(payload)
    require(1 <= domain_len <= DOMAIN_MAX, f"FAILURE with a domain of {domain_len} bytes")
    require(FAILURE.size + domain_len <= len(payload), "FAILURE with a domain longer than the frame")
    rest = payload[FAILURE.size:]
    require(0 not in rest, "FAILURE with a NUL in it")
    try:
        return Failure(rest[:domain_len].decode(), code, rest[domain_len:].decode())
    except UnicodeDecodeError:
        raise Violation("FAILURE that is not UTF-8") from None


def decode_all(data, sender, phase, max_message_size):
    """decode(), and what the payload of the frame says: (frame, Hello or Welcome or Failure or None)."""
    frame = decode(data, sender, phase, max_message_size)
    if frame is None:
        return None
    unpack = {Type.HELLO: unpack_hello, Type.WELCOME: unpack_welcome, Type.FAILURE: unpack_failure}.get(frame.type)
    return frame, unpack(frame.payload) if unpack else None
