"""The networks: their weights, the runtimes and providers, the open sessions."""
