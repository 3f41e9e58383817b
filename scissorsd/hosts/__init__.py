"""More than one machine: hosts make and stage outputs, the watcher alone gives them their names.

names     what the parties call queues, exchanges, and the one task        pure
orders    what travels: orders and answers, to plain values and back       pure
carried   what goes along to hosts that do not see the folders             pure
fence     whether an answer may be taken for an order                      pure
plain_values    dataclasses to what JSON has, and back, to the letter       pure
folder_names    which of what is mounted here is a watcher's folder        pure
own_folders    what a watcher's folders are called here, and ours elsewhere
packing   plain values with bytes among them, packed                       needs msgpack
faults    errors there and back: raised at the watcher as if it had been here
join      the file by which a machine joins: where the hub is, user, secret, CA
definitions, broker_files, certificates    what `scissorsd hub init` writes
unreachable    why a hub cannot be had, in words
hub       the watcher's side: orders out, answers in, who is there         needs celery
presence, ways    who is there, and by which way a picture goes to them     pure
patience  whether the hub is there, and how long an answer is waited for    pure
sending, line, dead_queues    its connections: orders out; answers in; queues that take nothing
litter    what hosts staged and nobody took is removed
looking, trial_orders    what `doctor` asks: of the hub, and of each host
worker    a host's side: `scissorsd worker`                                needs celery
cutting, alone    one order on a host; the same in a process of its own
cutting_carried   one whose picture came along
sight     which folders a host sees, and so which orders it takes
engine    Celery as hosts have it                                          needs celery

Nothing here is imported unless `hosts:` is configured, or `scissorsd worker` or `hub` is run.
"""
