# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a group is, how to see a new master there, and a connection to one (docs/protocol.md, sections 1, 3 and 5)."""

import collections
import ctypes
import os
import pathlib
import re
import socket
import stat
import struct
import tempfile
import time

from ipc_frames import HEADER, HELLO_PHASE, decode, pack_hello

HANDSHAKE_TIMEOUT = 10  # seconds


def group_directory(group, runtime_dir=None):
    """Section 1: finds the directory of a group, makes it if need be, and makes sure that nobody else can get in."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", group):
        raise ValueError(f"{group!r} is not a group name")
    given = runtime_dir or os.environ.get("IPC_RUNTIME_DIR")
    if given:
        base = pathlib.Path(given)
    else:
        xdg = os.environ.get("XDG_RUNTIME_DIR")
        base = pathlib.Path(xdg, "libipc") if xdg else pathlib.Path(tempfile.gettempdir(), f"libipc-{os.getuid()}")
        base.mkdir(0o700, exist_ok=True)
    directory = base / group
    for path, forbidden in (base, 0o022 if given else 0o077), (directory, 0o077):
        if path is directory:
            path.mkdir(0o700, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & forbidden:
            raise PermissionError(f"{path} is not a directory of this user alone")
    return directory


class Watch:
    """Tells when `socket` appears in a directory: inotify. It is a hint: where there is none left, looking again helps."""

    EVENT = struct.Struct("iIII")
    IN_MOVED_TO, IN_Q_OVERFLOW = 0x80, 0x4000

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.init()  # -1 if the user has too many

    def init(self):
        return self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    def add(self, directory):
        if self.fd >= 0 and self.libc.inotify_add_watch(self.fd, os.fsencode(directory), self.IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch {directory}")

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)

    def saw_socket(self):
        try:
            events = os.read(self.fd, 65536) if self.fd >= 0 else b""
        except BlockingIOError:
            events = b""
        saw = False
        while events:
            _, mask, _, length = self.EVENT.unpack_from(events)
            name = events[self.EVENT.size:self.EVENT.size + length].rstrip(b"\0")
            saw |= name == b"socket" or mask & self.IN_Q_OVERFLOW != 0
            events = events[self.EVENT.size + length:]
        return saw


class Link:
    """One connection to one master, and what counts for this connection only.

    It is in the hello phase until somebody who has read a WELCOME sets `phase`, `epoch` and `welcome`."""

    def __init__(self, directory, hello):
        self.socket, self.name = self._connect(directory)
        self.max_message_size = hello.max_message_size
        self.phase = HELLO_PHASE
        self.deadline = time.monotonic() + HANDSHAKE_TIMEOUT
        self.inbox, self.out = bytearray(), bytearray(pack_hello(hello))
        self.ended = self.refused = False
        self.epoch, self.welcome = 0, None
        self.unanswered_bytes = 0  # payload of messages
        self.acknowledged = 0
        self.answers = self.answer_bytes = 0  # received since the last acknowledgement
        self.pings = collections.OrderedDict()  # sequence -> future

    @staticmethod
    def identify(directory):
        """Tells one master's socket from the next one's."""
        status = os.lstat(directory / "socket")
        return status.st_dev, status.st_ino, status.st_ctime_ns

    @classmethod
    def _connect(cls, directory):
        """A connection, and which socket it is to. Raises OSError if nobody listens, or too many are waiting."""
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the path may be too long for an address
        try:
            while True:
                name = cls.identify(directory)
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.setblocking(False)
                    connection.connect(f"/proc/self/fd/{fd}/socket")
                    if cls.identify(directory) == name:
                        return connection, name
                except OSError:
                    connection.close()
                    raise
                connection.close()  # a new one was put there meanwhile
        finally:
            os.close(fd)

    def read(self):
        """Gives the frames that are there. Nothing that has arrived is lost when the stream has ended after it."""
        while not self.ended:
            try:
                data = self.socket.recv(262144)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            self.ended = not data
            self.inbox += data
            while frame := decode(self.inbox, "master", self.phase, self.max_message_size):
                del self.inbox[:HEADER.size + len(frame.payload)]
                yield frame

    def flush(self):
        try:
            while self.out:
                del self.out[:self.socket.send(self.out, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:  # broken: what can still be read decides how it ended
            self.out.clear()
