import logging

# What the package logs of children that die is no news in these tests.
logging.getLogger("kplkit").addHandler(logging.NullHandler())
