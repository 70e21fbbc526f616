# SPDX-License-Identifier: BSD-2-Clause
"""An SMTP server that takes every mail and keeps it: just enough of RFC 5321 for swaks."""

import socket
import threading


class Sink:
    """Listens on ADDRESS; .mails holds (sender, recipients, text) of what was delivered."""

    def __init__(self, address, namespace=None, port=25):
        make = namespace.socket if namespace else socket.socket
        self.sock = make(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen()
        self.mails = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                connection.settimeout(20)
                try:
                    self._talk(stream)
                except OSError:
                    pass

    def _talk(self, stream):
        def say(line):
            stream.write(line + b"\r\n")
            stream.flush()

        sender, recipients = b"", []
        say(b"220 sink")
        for line in stream:
            verb = line.strip().upper()
            if verb.startswith(b"MAIL FROM:"):
                sender, recipients = line.strip()[10:], []
            elif verb.startswith(b"RCPT TO:"):
                recipients.append(line.strip()[8:])
            elif verb == b"DATA":
                say(b"354 go on")
                text = []
                for part in stream:
                    if part.rstrip(b"\r\n") == b".":
                        break
                    text.append(part)
                self.mails.append((sender.decode(), [r.decode() for r in recipients],
                                   b"".join(text).decode()))
            elif verb == b"QUIT":
                say(b"221 bye")
                return
            say(b"250 fine")

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
