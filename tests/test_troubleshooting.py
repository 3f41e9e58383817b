"""docs/troubleshooting.md tells of every message that asks a person to do something."""

import ast
from collections.abc import Iterator
from pathlib import Path

from scissorsd import errors

ROOT = Path(__file__).parent.parent
PAGE = " ".join((ROOT / "docs" / "troubleshooting.md").read_text().split())
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ScissorsError)
}


def literal(node: ast.expr) -> str:
    """Return the longest run of a sentence that does not depend on the case at hand."""
    texts = [
        part.value.strip(" ,.:;()'\n")
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return max(texts, key=len, default="")


def messages() -> Iterator[tuple[str, str]]:
    """Yield each message that comes with advice: where it stands, and how it is recognised."""
    for path in sorted((ROOT / "scissorsd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            skip = 1 if node.func.id == "Finding" else 0
            if (skip or node.func.id in ERRORS) and len(node.args) >= 2 + skip:
                yield f"{path.name}:{node.func.id}", literal(node.args[skip])


def test_messages_with_advice_are_in_the_troubleshooting_page() -> None:
    """Who searches the page for the words of a message finds them."""
    page = PAGE.replace("`", "")
    assert [
        (where, said)
        for where, said in sorted(set(messages()))
        if len(said) > 8 and said.replace("`", "") not in page
    ] == []
