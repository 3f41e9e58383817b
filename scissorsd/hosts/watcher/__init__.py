"""The watcher's side: orders go out, answers come in, and only what fits is taken.

hub       what the daemon calls: all of the side, in one object
orders_out    the orders that are out, and whether an answer is taken for one of them
outgoing, staged    what goes with an order; what has come of it
presence, ways    who is there, and by which way a picture goes to them; pure
patience  whether the hub is there, and how long an answer is waited for; pure
sending, line, dead_queues    its connections: orders out; answers in; queues that take nothing
litter    what hosts staged and nobody took is removed
looking, trial_orders    what `doctor` asks: of the hub, and of each host
"""
