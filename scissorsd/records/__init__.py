"""What survives a restart: the job journal, the status file, the state folder's lock."""
