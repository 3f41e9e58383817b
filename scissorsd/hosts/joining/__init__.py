"""How a hub is set up and joined.

join      the file by which a machine joins: where the hub is, user, secret, CA
definitions, broker_files, certificates    what `scissorsd hub init` writes
installed whether the libraries are there that all of this needs
unreachable    why a hub cannot be had, in words
"""
