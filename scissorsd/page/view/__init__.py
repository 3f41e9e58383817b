"""What is shown of the journal and the inboxes, and what a person decides about a picture."""
