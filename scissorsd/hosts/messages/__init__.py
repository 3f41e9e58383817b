"""What travels between a watcher and its hosts, and whether it may be taken; pure but for packing.

names     what the parties call queues, exchanges, and the one task
orders    orders and answers, to plain values and back
carried   what goes along to hosts that do not see the folders
fence     whether an answer may be taken for an order
faults    errors there and back: raised at the watcher as if it had been here
folder_names    which of what is mounted here is a watcher's folder
plain_values    dataclasses to what JSON has, and back, to the letter
packing   plain values with bytes among them, packed; needs msgpack
"""
