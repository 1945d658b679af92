"""A program that does what a test tells it, for the supervisor to supervise.

Usage: fake_stage.py SOCKET NAME [stubborn]. Connects to the test's SOCKET, says "NAME PID" and then does
what each line says: `notify TEXT`, `exit CODE`, `hang` (hears nothing any more). Says the name of each
signal that it gets; SIGTERM ends it, unless stubborn.
"""

import os
import signal
import socket
import sys


def notify(text):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(text.encode().replace(b"\\n", b"\n"), os.environ["NOTIFY_SOCKET"])


def main():
    test = socket.socket(socket.AF_UNIX)
    test.connect(sys.argv[1])
    stubborn = "stubborn" in sys.argv[3:]

    def say(line):
        test.sendall(line.encode() + b"\n")

    def on_signal(number, _frame):
        say(signal.Signals(number).name)
        if number == signal.SIGTERM and not stubborn:
            os._exit(0)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, on_signal)
    say(f"{sys.argv[2]} {os.getpid()} {os.environ.get('WATCHDOG_USEC', '')}")
    for line in test.makefile():
        word, _, rest = line.strip().partition(" ")
        if word == "notify":
            notify(rest)
        elif word == "exit":
            os._exit(int(rest))
        elif word == "hang":
            signal.pause()
    while True:
        signal.pause()


main()
