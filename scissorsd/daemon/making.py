"""Read a picture, cut it out, render its outputs: the part of the line that any machine can do.

It knows no journal, inbox or outbox: `pipeline.process` calls it for a picture that is cut here,
and a host for one whose order it has (`scissorsd.hosts`), which then stages what was made. Either
way the daemon that watches the inbox gives the files their names.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from scissorsd import failpoints
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Rule, action
from scissorsd.core.settling import Sighting
from scissorsd.daemon.memory import LARGE, Lease, bytes_to_cut, least_bytes_to_cut
from scissorsd.daemon.outcomes import Done, Made, Tools
from scissorsd.errors import PictureError, SourceChangedError
from scissorsd.folders import publishing, sources
from scissorsd.machine import give_back_memory
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import (
    Cut,
    find_subject,
    measured,
    refuse_impossible,
    render_all,
)
from scissorsd.pictures.facts import facts_of
from scissorsd.pictures.picture import Picture


class RefusedByRuleError(PictureError):
    """The rule says that a picture with this verdict fails."""

    def __init__(self, judgement: Judgement, rule: Rule) -> None:
        super().__init__(
            judgement.reason, f"The rule {rule.name!r} says that such a picture fails."
        )
        self.judgement = judgement


def make_here(
    folder: Path, source: Sighting, rule: Rule, tools: Tools, /, *, known: bytes = b""
) -> AbstractContextManager[Made]:
    """Make the outputs of a picture that lies in a folder: see `make_of`.

    `known` is the digest that the source must have, if that is known.
    """

    def read() -> bytes:
        data = sources.read_source(folder, source, limit=tools.limits.file)
        if known and publishing.digest_of(data) != known:
            raise SourceChangedError(f"{folder / source.path} is no longer the picture it was")
        return data

    return make_of(read, source, rule, tools)


@contextmanager
def make_of(
    read: Callable[[], bytes], source: Sighting, rule: Rule, tools: Tools, /
) -> Iterator[Made]:
    """Make the outputs of a picture, in memory, which is given back at the end of the `with` block.

    `read` returns its bytes. Raises RefusedByRuleError where the rule says that a picture with this
    verdict fails, and what else may be wrong with it.
    """
    with tools.memory.lease(min(source.size, tools.limits.file)) as lease:
        data = read()
        content = publishing.digest_of(data)
        picture = _decode(data, source, rule, tools, lease)
        del data
        cut = _cut(picture, rule, tools)
        contents = render_all(picture, cut, rule.outputs, max_pixels=tools.limits.pixels)
        made = _made(content, source, picture, cut, tuple(contents))
        del picture, cut, contents
        if lease.bytes > LARGE:
            give_back_memory()
        tools.memory.shrink(lease, sum(map(len, made.contents)))
        yield made


def _decode(data: bytes, source: Sighting, rule: Rule, tools: Tools, lease: Lease) -> Picture:
    """Decode a picture when there is memory for all that follows."""
    header = reading.read_header(data, max_pixels=tools.limits.pixels)
    tools.memory.refuse_over(len(data) + least_bytes_to_cut(header))
    refuse_impossible(header.height, header.width, rule.outputs, max_pixels=tools.limits.pixels)
    networks = tools.networks(rule)
    tools.memory.grow(lease, len(data) + bytes_to_cut(header, rule, networks))
    failpoints.at("decode", source.path)
    deep = any(output.depth != "8" for output in rule.outputs)
    return reading.read(data, max_pixels=tools.limits.pixels, deep=deep)


def _cut(picture: Picture, rule: Rule, tools: Tools) -> Cut:
    """Find the mask of a picture; raises RefusedByRuleError where the verdict is to fail."""
    cut = find_subject(
        picture,
        tools.catalogue[rule.model],
        tools.sessions,
        rule.mask,
        other=tools.catalogue.get(rule.second_opinion),
        doubtful_above=rule.doubtful_above,
    )
    cut = measured(cut, rule.outputs)
    refuse_by_rule(cut.judgement, rule)
    return cut


def refuse_by_rule(judgement: Judgement, rule: Rule) -> None:
    """Raise RefusedByRuleError where the rule says that a picture with this verdict fails."""
    if action(rule, judgement.verdict) == "fail":
        raise RefusedByRuleError(judgement, rule)


def _made(
    content: bytes, source: Sighting, picture: Picture, cut: Cut, contents: tuple[bytes, ...]
) -> Made:
    return Made(
        content=content,
        facts=facts_of(picture, source),
        judgement=cut.judgement,
        done=Done(
            verdict=cut.judgement.verdict,
            numbers=cut.judgement.numbers,
            model=cut.model,
            asked=cut.asked,
            provider=cut.provider,
            precision=cut.precision,
            width=picture.rgb.shape[1],
            height=picture.rgb.shape[0],
            infer_s=cut.infer_s,
            remarks=(*picture.metadata.remarks, *cut.remarks),
        ),
        contents=contents,
    )
