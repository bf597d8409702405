# SPDX-License-Identifier: LGPL-2.1-or-later
"""One end of a connection under the test's control, frame by frame: as a client that misbehaves, or as a master."""

import os
import pathlib
import socket

import ipc_frames
from ipc_frames import HELLO_PHASE, OPEN, Frame, Hello, Type, Welcome

DEADLINE = 20  # seconds that anything may take that is certain to happen


class RawPeer:
    """Every wait has a deadline; a frame that breaks the protocol raises ipc_frames.Violation."""

    def __init__(self, connection, other):
        self.socket = connection
        self.socket.settimeout(DEADLINE)
        self.other = other  # who is at the other end: "client" or "master"
        self.phase = HELLO_PHASE
        self.inbox = bytearray()

    def send(self, data):
        """Sends a frame or plain bytes. That the other side may have closed already is seen by receive()."""
        try:
            self.socket.sendall(ipc_frames.encode(data) if isinstance(data, Frame) else data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self):
        """The next frame, or None at the end of the stream. Raises TimeoutError when nothing comes."""
        while not (frame := ipc_frames.decode(self.inbox, self.other, self.phase, 1 << 30)):
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.inbox, f"the stream ends within a frame: {self.inbox.hex()}"
                return None
            self.inbox += data
        del self.inbox[:ipc_frames.HEADER.size + len(frame.payload)]
        return frame

    def is_silent(self, seconds=0.05):
        """True if nothing comes for a while, and the connection is still there."""
        self.socket.settimeout(seconds)
        try:
            return self.receive() == "nothing"
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(DEADLINE)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RawClient(RawPeer):
    """Connects; join() shakes hands as a client should."""

    def __init__(self, directory, node_id=None, **hello):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(os.fspath(directory / "socket"))
        super().__init__(connection, "master")
        self.hello = Hello(node_id or os.urandom(16), **hello)
        self.epoch, self.welcome = 0, None

    def join(self):
        """Sends HELLO. Gives None if welcome, or the REFUSED."""
        self.send(ipc_frames.pack_hello(self.hello))
        frame = self.receive()
        if frame is None or frame.type == Type.REFUSED:
            return frame or Frame(Type.REFUSED)
        self.welcome = ipc_frames.unpack_welcome(frame.payload)
        self.phase, self.epoch = OPEN, frame.number
        return None

    def message(self, sequence, payload, acknowledged=0, flags=0):
        self.send(Frame(Type.MESSAGE, sequence, acknowledged, payload, flags))


class FakeMaster:
    """Listens where a master would; the test answers."""

    def __init__(self, base, group, epoch, welcome=Welcome(b"M" * 16)):
        self.epoch, self.welcome = epoch, welcome
        directory = pathlib.Path(base, group)
        directory.mkdir(0o700, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.bind(os.fspath(directory / ".socket-fake"))
        self.socket.listen(16)
        os.rename(directory / ".socket-fake", directory / "socket")
        self.peers = []

    def accept(self):
        """The next connection: its HELLO is read and in peer.hello, and nothing is answered yet."""
        while True:
            connection, _ = self.socket.accept()
            peer = RawPeer(connection, "client")
            self.peers.append(peer)
            if frame := peer.receive():  # or else it left without a word, as it may
                peer.hello = ipc_frames.unpack_hello(frame.payload)
                return peer

    def join(self):
        """The next connection, welcome."""
        peer = self.accept()
        peer.phase = OPEN
        peer.send(ipc_frames.pack_welcome(self.welcome, self.epoch))
        return peer

    def respond(self, peer, sequence, payload=b""):
        peer.send(Frame(Type.RESPONSE, sequence, self.epoch, payload))

    def close(self):
        """All at once, as when a process dies."""
        for peer in self.peers:
            peer.close()
        self.socket.close()
