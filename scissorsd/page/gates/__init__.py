"""Who may ask, and how long: listening, connections, hosts, keys, cookies, safe headers."""
