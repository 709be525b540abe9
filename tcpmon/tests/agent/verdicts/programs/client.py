"""A client that errs in one of the usual ways, or meets a network that does.

    client.py spend ADDRESS:PORT=PER_SECOND...   connects anew for every question, and closes first
    client.py talk ADDRESS:PORT COUNT            keeps connections and says a line on each again and again
    client.py call ADDRESS:PORT COUNT            begins to connect

`spend` says `refused PORT T`, CLOCK_BOOTTIME in nanoseconds, when the kernel first has no local port for a
destination; `talk` says `talking` when all its connections have had an answer.
"""

import errno
import signal
import socket
import sys
import threading
import time


def say(*words):
    print(*words, flush=True)


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return address, int(port)


def spend(to, per_second):
    due = time.monotonic()
    refused = False
    while True:
        try:
            with socket.create_connection(to) as connection:
                connection.sendall(b"ping\n")
                connection.recv(64)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            if not refused:
                say("refused", to[1], time.clock_gettime_ns(time.CLOCK_BOOTTIME))
            refused = True
        # What a busy machine held up is not made up for: that would be a burst, and no steady rate.
        due = max(due + 1 / per_second, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def talk(to, count):
    connections = [socket.create_connection(to) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"ping\n")
        connection.recv(64)
        connection.setblocking(False)
    say("talking")
    while True:
        time.sleep(0.5)
        for connection in connections:
            connection.send(b"ping\n")


def call(to, count):
    connections = [socket.socket() for _ in range(count)]
    for connection in connections:
        connection.setblocking(False)
        connection.connect_ex(to)
    say("calling")
    signal.pause()


def main():
    style, words = sys.argv[1], sys.argv[2:]
    if style == "spend":
        for word in words:
            to, per_second = word.split("=")
            args = (endpoint(to), float(per_second))
            threading.Thread(target=spend, args=args, daemon=True).start()
        signal.pause()
    elif style == "talk":
        talk(endpoint(words[0]), int(words[1]))
    else:
        call(endpoint(words[0]), int(words[1]))


main()
