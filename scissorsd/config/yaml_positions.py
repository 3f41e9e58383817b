"""YAML with positions: values as plain Python, and the line and column of every key and value.

Nothing is ever constructed from a tag. Numbers are read as YAML 1.2 reads them, so that `2:30` and
`010` stay what the user wrote; `yes`, `no`, `on` and `off` are the truth values that YAML 1.1 users
expect.
"""

import re

import yaml

from scissorsd.config.problems import Document, Loc, Mark, Problem, quoted

_PREFIX = "tag:yaml.org,2002:"
_TRUE = {"true", "yes", "on"}
_MOST_NODES = 20_000  # a configuration is far smaller; aliases of aliases can be far larger
_LONGEST_NUMBER = 18  # digits

_ALIAS_ADVICE = "a value that begins with * must be in quotes, such as '*.jpg'"
_COMMENT_ADVICE = (
    "what begins with # is a comment to YAML; put a colour in quotes, such as '#f4f4f4'"
)
_HEX_COLOUR = re.compile(r"[:,\[]\s*(#[0-9A-Fa-f]{3,8})\b")
_SENTENCES = (  # part of PyYAML's message → ours; the first that fits
    ("found character '\\t'", "a tab; YAML is indented with spaces only"),
    ("while scanning an alias", _ALIAS_ADVICE),
    ("found undefined alias", f"no such anchor is defined above; {_ALIAS_ADVICE}"),
    ("while scanning an anchor", "a value that begins with & must be in quotes"),
    ("that cannot start any token", "a value that begins with this character must be in quotes"),
    (
        "mapping values are not allowed",
        "a colon cannot stand here: wrong indentation, or text to quote",
    ),
    ("could not find expected ':'", "a key without its ':' (or a value that wants quotes)"),
    ("unknown escape character", "a backslash in double quotes; use single quotes"),
    ("while scanning a quoted scalar", "a quote that is not closed"),
    ("while scanning a double-quoted scalar", "an odd backslash in double quotes; use single ones"),
    ("expected ',' or", "a bracket or brace that is not closed, or a missing comma"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("expected '<document start>'", "what stands above is no key with a value"),
    ("expected a single document", "a second document ('---') in the same file"),
    ("special characters are not allowed", "a character that cannot stand in a text file"),
    ("while scanning a tag", "a value that begins with ! must be in quotes"),
    ("undefined tag handle", "a value that begins with ! must be in quotes"),
    ("while scanning a block scalar", "a value that begins with | or > must be in quotes"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own way; filled below)


def _resolve(kind: str, pattern: str, starts: str) -> None:
    first = [*starts, ""] if kind == "null" else list(starts)
    _Loader.add_implicit_resolver(_PREFIX + kind, re.compile(pattern), first)


_resolve("null", r"(~|null|Null|NULL)?$", "~nN")
_resolve("bool", r"(?i:true|false|yes|no|on|off)$", "tTfFyYnNoO")
_resolve("int", r"[-+]?(0|[1-9][0-9_]*)$", "-+0123456789")
_resolve("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$", "-+.0123456789")
_resolve("merge", r"<<$", "<")


class YamlError(Exception):
    """The text is no YAML that can be used; one problem tells why."""

    def __init__(self, message: str, mark: Mark | None) -> None:
        super().__init__(message)
        self.problem = Problem((), message, mark=mark)


def read(text: str, origin: str) -> Document:
    """Read one YAML document whose top is a mapping; raises YamlError."""
    try:
        node = yaml.compose(text, _Loader)
        return _Reader(origin).document(node)
    except yaml.reader.ReaderError as error:
        raise YamlError(_sentence(error), _place(text, error.position)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if place := _comment(text, error):
            raise YamlError(_COMMENT_ADVICE, place) from None
        raise YamlError(_sentence(error), _mark(mark) if mark else None) from None
    except RecursionError:
        raise YamlError("nested too deeply to be a configuration", None) from None


def _sentence(error: yaml.YAMLError) -> str:
    message = str(error)
    for part, sentence in _SENTENCES:
        if part in message:
            return sentence
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else message
    return f"not valid YAML: {problem or message}".splitlines()[0]


def _place(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _comment(text: str, error: yaml.MarkedYAMLError) -> Mark | None:
    """Return the place of a colour that YAML took for a comment, with the bracket behind it."""
    if "flow" not in (error.context or "") or error.problem_mark is None:
        return None
    lines = list(enumerate(text.splitlines()[: error.problem_mark.line + 1], 1))
    for number, line in reversed(lines):
        if found := _HEX_COLOUR.search(line):
            return Mark(number, found.start(1) + 1)
    return None


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns composed nodes into values, noting where each stands."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._keys: dict[Loc, Mark] = {}
        self._spots: dict[Loc, Mark] = {}
        self._texts: dict[Loc, str] = {}
        self._problems: list[Problem] = []
        self._open: list[yaml.Node] = []
        self._count = 0

    def document(self, node: yaml.Node | None) -> Document:
        """Return the whole document; raises YamlError where its top is no mapping."""
        if node is None or node.tag == _PREFIX + "null":
            raise YamlError("the file is empty; it needs at least 'inboxes'", Mark(1, 1))
        if not isinstance(node, yaml.MappingNode):
            message = "the file must be keys with values, such as 'inboxes:'"
            raise YamlError(message, _mark(node.start_mark))
        values = self._value(node, ())
        return Document(
            origin=self._origin,
            values=values if isinstance(values, dict) else {},
            keys=self._keys,
            spots=self._spots,
            texts=self._texts,
            problems=tuple(self._problems),
        )

    def _value(self, node: yaml.Node, loc: Loc) -> object:
        self._spots[loc] = _mark(node.start_mark)
        self._count += 1
        if self._count > _MOST_NODES:
            raise YamlError("far too many values to be a configuration", _mark(node.start_mark))
        if any(node is outer for outer in self._open):
            self._problem(node, loc, "an alias to something that contains it")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, loc)
        self._check_tag(node, loc, "map" if isinstance(node, yaml.MappingNode) else "seq")
        self._open.append(node)
        value = self._collection(node, loc)
        self._open.pop()
        return value

    def _collection(self, node: yaml.Node, loc: Loc) -> object:
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, object] = {}
            self._fill(mapping, node, loc)
            return mapping
        return [self._value(child, (*loc, index)) for index, child in enumerate(node.value)]

    def _fill(self, mapping: dict[str, object], node: yaml.MappingNode, loc: Loc) -> None:
        """Add a mapping's own keys, then those it merges in that are not there yet."""
        own: dict[str, Mark] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._problem(key, loc, "a key must be plain text")
            elif key.tag == _PREFIX + "merge":
                merged.append(value)
            elif key.value in own:
                message = f"duplicate key {quoted(key.value)} (first on line {own[key.value].line})"
                self._problem(key, loc, message)
            else:
                own[key.value] = _mark(key.start_mark)
                self._add(mapping, key, value, loc)
        for source in merged:
            self._merge(mapping, source, loc)

    def _add(
        self, mapping: dict[str, object], key: yaml.ScalarNode, value: yaml.Node, loc: Loc
    ) -> None:
        if key.value not in mapping:
            here = (*loc, key.value)
            self._keys[here] = _mark(key.start_mark)
            mapping[key.value] = None  # its place is taken while it is read
            mapping[key.value] = self._value(value, here)

    def _merge(self, mapping: dict[str, object], source: yaml.Node, loc: Loc) -> None:
        sources = source.value if isinstance(source, yaml.SequenceNode) else [source]
        for one in sources:
            if not isinstance(one, yaml.MappingNode):
                self._problem(one, loc, "'<<' merges keys with values, or a list of such")
            elif any(one is outer for outer in self._open):
                self._problem(one, loc, "an alias to something that contains it")
            else:
                self._open.append(one)
                self._fill(mapping, one, loc)
                self._open.pop()

    def _scalar(self, node: yaml.ScalarNode, loc: Loc) -> object:
        kind = node.tag.removeprefix(_PREFIX)
        text: str = node.value
        if not _printable(text):
            self._problem(node, loc, "a character that cannot stand in a configuration")
            return ""
        if kind in {"str", "merge"}:
            return text
        self._texts[loc] = text
        value = _number(kind, text)
        if value is not None:
            return value
        if kind == "bool":
            return text.lower() in _TRUE
        if kind == "null":
            return None
        self._check_tag(node, loc, "int", "float")
        return text

    def _check_tag(self, node: yaml.Node, loc: Loc, *kinds: str) -> None:
        if node.tag not in {_PREFIX + kind for kind in kinds}:
            message = f"tags are not used here: {quoted(node.tag.removeprefix(_PREFIX))}"
            self._problem(node, loc, message)

    def _problem(self, node: yaml.Node, loc: Loc, message: str) -> None:
        self._problems.append(Problem(loc, message, mark=_mark(node.start_mark)))


def _number(kind: str, text: str) -> int | float | None:
    if kind not in {"int", "float"} or len(text) > _LONGEST_NUMBER:
        return None
    try:
        return int(text.replace("_", "")) if kind == "int" else float(text)
    except ValueError:  # an explicit tag before something else
        return None


def _printable(text: str) -> bool:
    """Whether a text has neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
