"""All that touches an inbox or an outbox."""
