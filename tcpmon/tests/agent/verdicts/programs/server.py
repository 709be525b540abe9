"""A server that answers a line with a line, or a GET with a page, and then errs in one of the usual ways.

It says what a test needs to know on its output: `port N`, `worker PID`, `leaker PID`, and
`emfile T` with CLOCK_BOOTTIME in nanoseconds when accept() failed for want of a descriptor.
"""

import argparse
import asyncio
import errno
import os
import resource
import signal
import socket
import threading
import time

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npong\n"
KEPT = []


def say(*words):
    print(*words, flush=True)


def out_of_files(error):
    if getattr(error, "errno", None) != errno.EMFILE:
        return False
    say("emfile", time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    return True


def converse(connection):
    """Answers until the peer hangs up."""
    while data := connection.recv(4096):
        connection.sendall(PAGE if data.startswith(b"GET") else b"pong\n")


def careful(connection):
    with connection:
        converse(connection)


def forgetful(connection):
    """The session is kept in a list that nobody clears."""
    converse(connection)
    KEPT.append(connection)


def blocked(connection):
    """The handler waits for something that never comes, with the connection in its hands."""
    connection.recv(4096)
    connection.sendall(b"pong\n")
    threading.Event().wait()


def accept_all(listener, handler):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if not out_of_files(error):
                raise
            signal.pause()
        threading.Thread(target=handler, args=(connection,), daemon=True).start()


def stop_accepting(listener, after):
    """Serves some, then the thread that accepts waits for a lock."""
    for _ in range(after):
        connection, _ = listener.accept()
        threading.Thread(target=careful, args=(connection,), daemon=True).start()
    lock = threading.Lock()
    with lock:
        lock.acquire()


def prefork(listener, workers):
    """One of the workers forgets close()."""
    for number in range(workers):
        pid = os.fork()
        if pid == 0:
            accept_all(listener, forgetful if number == workers // 2 else careful)
        say("leaker" if number == workers // 2 else "worker", pid)
    signal.pause()


async def streams(listener):
    """A stream server whose sessions stay in a list."""

    async def session(reader, writer):
        KEPT.append(writer)
        while await reader.readline():
            writer.write(b"pong\n")
            await writer.drain()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: out_of_files(context.get("exception")))
    server = await asyncio.start_server(session, sock=listener)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("style")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--backlog", type=int, default=128)
    parser.add_argument("--files", type=int, help="RLIMIT_NOFILE")
    parser.add_argument("--after", type=int, default=2, help="connections before it stops accepting")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--name", help="what the kernel shall call it")
    args = parser.parse_args()
    if args.name:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(args.name)
    if args.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (args.files, args.files))
    listener = socket.create_server((args.address, 0), backlog=args.backlog)
    say("port", listener.getsockname()[1])
    if args.style == "asyncio":
        asyncio.run(streams(listener))
    elif args.style == "deaf":
        stop_accepting(listener, args.after)
    elif args.style == "prefork":
        prefork(listener, args.workers)
    else:
        handlers = {"careful": careful, "forgetful": forgetful, "blocked": blocked}
        accept_all(listener, handlers[args.style])


main()
