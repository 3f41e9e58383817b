"""The command `health`: whether a daemon is alive and every watcher works."""

from pathlib import Path

from scissorsd.records import lock, state_folders, status_file


def health(config: Path | None, state: Path | None) -> tuple[bool, list[str]]:
    """Return whether all is well, and a sentence for each trouble and each refused change."""
    sentences = []
    healthy = True
    for folder in [state] if state else state_folders.to_be_healthy(config):
        troubles = status_file.troubles(folder)
        healthy = healthy and not troubles
        sentences += troubles
        stands = status_file.read(folder)
        if stands is not None and stands.refusal is not None and lock.is_running(folder):
            sentences.append(f"note: {stands.refusal.in_words()}; the old one goes on")
    return healthy, sentences
