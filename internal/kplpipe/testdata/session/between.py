#!/usr/bin/env python3
"""Stands between the KPL's Java wrapper and its native binary: give it to setNativeExecutable.

Writes what goes through it into the folder BETWEEN_OUT: arguments (one a line), to-child, from-child and stderr.
BETWEEN_NATIVE is the real binary.
"""
import os
import subprocess
import sys
import threading

out, native = os.environ["BETWEEN_OUT"], os.environ["BETWEEN_NATIVE"]
arguments = sys.argv[1:]
with open(os.path.join(out, "arguments"), "w") as f:
    f.writelines(a + "\n" for a in arguments)


def copy(source, target, record):
    """Copies until the source ends. Opening a FIFO waits for the other end, so each direction has a thread."""
    with open(source, "rb", 0) as s, open(target, "wb", 0) as t, open(os.path.join(out, record), "wb", 0) as r:
        while data := s.read(65536):
            r.write(data)
            t.write(data)


inner = []
for option, record in ("-o", "to-child"), ("-i", "from-child"):
    at = arguments.index(option) + 1
    fifo = os.path.join(out, record + ".fifo")
    os.mkfifo(fifo)
    ends = (arguments[at], fifo) if option == "-o" else (fifo, arguments[at])
    arguments[at] = fifo
    inner.append(threading.Thread(target=copy, args=(*ends, record), daemon=True))
    inner[-1].start()

child = subprocess.Popen([native, *arguments], stderr=subprocess.PIPE)
with open(os.path.join(out, "stderr"), "wb", 0) as log:
    for line in child.stderr:
        log.write(line)
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
child.wait()
sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)
