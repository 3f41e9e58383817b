"""More than one machine: hosts make and stage outputs, the watcher alone gives them their names.

messages/  what travels, and whether it may be taken
watcher/   the side of the daemon with the folders and the job journal: orders out, answers in
host/      the side of a machine that cuts along: `scissorsd worker`
joining/   how a hub is set up and joined: `scissorsd hub init`
engine     Celery as both sides have it
own_folders    what a watcher's folders are called here, and ours elsewhere

Nothing here is imported unless `hosts:` is configured, or `scissorsd worker` or `hub` is run.
"""
