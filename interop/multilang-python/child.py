"""A record processor for the MultiLangDaemon, on AWS's library for Python: what multilang_child.py is on none."""

import sys

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor

import multilang_child


class Library:
    """The library's checkpointer, as multilang_child asks for checkpoints."""

    knows_pairs = True

    def __init__(self, checkpointer):
        self.checkpointer = checkpointer

    def checkpoint(self, sequenceNumber=None, subSequenceNumber=None):
        try:
            self.checkpointer.checkpoint(sequenceNumber, subSequenceNumber)
        except kcl.CheckpointError as refused:
            return str(refused)
        return ""

    def checkpoint_all(self):
        return self.checkpoint()


class Child(processor.RecordProcessorBase):
    def __init__(self, reporter):
        self.reporter = reporter

    def initialize(self, given):
        pass

    def process_records(self, given):
        multilang_child.Processor(Library(given.checkpointer), self.reporter).process(given.records)

    def lease_lost(self, given):
        self.reporter.tell(lease_lost=True)

    def shard_ended(self, given):
        given.checkpointer.checkpoint()

    def shutdown_requested(self, given):
        pass


kcl.KCLProcess(Child(multilang_child.Reporter(int(sys.argv[1])))).run()
