"""A record processor for the MultiLangDaemon, by the standard library alone.

It speaks the daemon's protocol on standard input and output: a JSON object a line, and one answer to each question. What
was handed over it tells on a socket, to the port that it gets as its argument. The ROW_ settings are in the environment.
"""

import base64
import json
import os
import select
import socket
import sys

AT = os.environ["ROW_AT"]
WHEN = os.environ["ROW_WHEN"]
CHECKPOINT = os.environ["ROW_CHECKPOINT"]
SELF = os.environ.get("ROW_SELF") == "1"

PATIENCE = 15  # seconds for the answer to a checkpoint, of which a good daemon needs a fraction of one

MAGIC = b"\xf3\x89\x9a\xc2"
CHECKSUM = 16


class Reporter:
    """Tells what has happened."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))

    def tell(self, **what):
        """Returns when it has been passed on: the daemon may be ended by the record processor of another shard."""
        self.socket.sendall((json.dumps(what, separators=(",", ":")) + "\n").encode())
        try:
            self.socket.recv(1)
        except OSError:
            pass  # the daemon is gone

    def stop(self, why):
        """Ends the daemon, hard, and this process with it."""
        self.tell(stopped=why, error="")
        sys.stdin.read()  # until the daemon is gone
        os._exit(0)


class Daemon:
    """The other end of standard input and output."""

    def __init__(self, reporter):
        self.reporter = reporter
        self.knows_pairs = False  # a position is a sequence number and a sub-sequence number, in keys of these names

    def read(self):
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # the daemon is gone
        return json.loads(line)

    def write(self, **message):
        print(json.dumps(message), flush=True)

    def checkpoint(self, **position):
        """Asks for a checkpoint, and returns the error."""
        self.write(action="checkpoint", **position)
        if not select.select([sys.stdin], [], [], PATIENCE)[0]:
            return f"no answer to the checkpoint message in {PATIENCE}s"
        answer = self.read()
        if answer["action"] != "checkpoint":  # such as shutdown, where the lease was lost meanwhile
            self.lost_lease(answer)
            return f"{answer['action']} in place of an answer to the checkpoint message"
        return answer.get("error") or ""

    def lost_lease(self, message):
        """Says so where a message does. Nobody but a busy machine can be the reason."""
        if message["action"] == "leaseLost" or message.get("reason") == "ZOMBIE":
            self.reporter.tell(lease_lost=True)

    def checkpoint_all(self):
        """Asks for a checkpoint behind all that has been handed over."""
        if self.knows_pairs:
            return self.checkpoint(sequenceNumber=None, subSequenceNumber=None)
        return self.checkpoint(checkpoint=None)


class Processor:
    def __init__(self, daemon, reporter):
        self.daemon = daemon
        self.reporter = reporter

    def run(self):
        while True:
            message = self.daemon.read()
            action = message["action"]
            if action == "initialize":
                self.daemon.knows_pairs = "sequenceNumber" in message
            elif action == "processRecords":
                self.process(message["records"])
            elif action == "shardEnded" or action == "shutdown" and message["reason"] == "TERMINATE":
                self.daemon.checkpoint_all()  # the shard is finished, and its children may start
            else:
                self.daemon.lost_lease(message)
            self.daemon.write(action="status", responseFor=action)

    def process(self, records):
        ended = stopped = False
        for record in records:
            for sub, data in user_records(record):
                text = base64.b64encode(data).decode()
                self.reporter.tell(record=text, sequence_number=record["sequenceNumber"], sub_sequence_number=sub)
                ended |= data == b"END"
                if not AT or data != AT.encode():
                    continue
                if WHEN == "at":
                    self.checkpoint(record, sub)
                if WHEN != "batch":
                    self.reporter.stop(f"at {AT}")
                stopped = True
        if records and (stopped or WHEN == "later"):
            self.checkpoint(records[-1], records[-1].get("subSequenceNumber"))
        if stopped:
            self.reporter.stop(f"after the batch with {AT}")
        if ended:
            self.reporter.stop("END")

    def checkpoint(self, record, sub):
        """Checkpoints in the style that ROW_CHECKPOINT names."""
        number = record["sequenceNumber"]
        if CHECKPOINT == "nothing":
            return
        if CHECKPOINT == "none":
            number, error = "", self.daemon.checkpoint_all()
        elif CHECKPOINT == "extended":
            error = self.daemon.checkpoint(sequenceNumber=number, subSequenceNumber=sub)
        elif self.daemon.knows_pairs:
            error = self.daemon.checkpoint(sequenceNumber=number)
        else:
            error = self.daemon.checkpoint(checkpoint=number)
        self.reporter.tell(checkpoint=number, error=error)


def user_records(record):
    """The sub-sequence number, if there is one, and data of each user record in what the daemon calls a record."""
    data = base64.b64decode(record["data"])
    if SELF and data.startswith(MAGIC):
        aggregate = data[len(MAGIC) : -CHECKSUM]
        users = [value for field, value in fields(aggregate) if field == 3]
        return [(sub, dict(fields(user))[3]) for sub, user in enumerate(users)]
    return [(record.get("subSequenceNumber"), data)]


def fields(message):
    """The numbers and values of the fields of a protobuf message that holds varints and byte strings."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            length = value
            value = message[at : at + length]
            at += length
        yield tag >> 3, value


if __name__ == "__main__":
    reporter = Reporter(int(sys.argv[1]))
    Processor(Daemon(reporter), reporter).run()
