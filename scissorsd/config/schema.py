"""The schema of the configuration: where each option's type, meaning and example stand, once.

The validation, the annotated sample and the JSON Schema for editors all come from it; what a rule
makes stands in `outputs`. What is said of a wrong value begins with the value itself: a
ValueError's text continues that sentence.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from scissorsd.config import parse_quantities, parse_texts
from scissorsd.config.custom_models import CustomModelSection
from scissorsd.config.hosts import HostsSection
from scissorsd.config.outputs import MaskSection, OutputSection
from scissorsd.config.page import PageSection
from scissorsd.config.sections import AMOUNT, KeptFor, Place, Section, Size, Text, written
from scissorsd.config.verdicts import DoubtfulSection, WhenDoubtful
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import ASKED_ABOVE, OnVerdict, SourceAction
from scissorsd.settings import DEFAULT_STATE, MAX_PIXELS

_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_DURATION = WithJsonSchema({"type": ["string", "number"]})

Globs = Annotated[
    list[Text],
    BeforeValidator(parse_texts.listed),
    WithJsonSchema(_ONE_OR_MORE),
]
Settle = Annotated[
    float,
    BeforeValidator(parse_quantities.seconds),
    AfterValidator(parse_quantities.within("100ms", "1d", parse_quantities.seconds)),
    _DURATION,
]
Rescan = Annotated[
    float,
    BeforeValidator(parse_quantities.seconds),
    AfterValidator(parse_quantities.within("1s", "1d", parse_quantities.seconds)),
    _DURATION,
]
Memory = Annotated[
    int,
    BeforeValidator(parse_quantities.size),
    AfterValidator(parse_quantities.within("64MiB", "1024TiB", parse_quantities.size)),
    AMOUNT,
]
Count = Annotated[
    int,
    BeforeValidator(parse_quantities.count),
    AfterValidator(parse_quantities.within("1k", "1000G", parse_quantities.count)),
    AMOUNT,
]
Workers = Annotated[
    int | None,
    PlainValidator(parse_texts.workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]
Provider = Literal["auto", "cuda", "openvino", "cpu"]
Providers = Annotated[
    list[Provider],
    Field(min_length=1),
    BeforeValidator(parse_texts.listed),
    AfterValidator(parse_texts.providers),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(get_args(Provider))},
                {"type": "array", "items": {"enum": list(get_args(Provider))}, "minItems": 1},
            ]
        }
    ),
]


class RuleSection(Section):
    """What to do with the pictures that match it; the first rule that matches wins."""

    name: Text | None = Field(
        default=None,
        description="Its name in logs, status and file names. Default: rule 1, rule 2, …",
        examples=["product shots"],
    )
    match: Globs | None = Field(
        default=None,
        description="A glob or a list of them, relative to the inbox, in quotes. * and ? stay in a "
        "folder, ** crosses folders, {a,b} are alternatives, case does not count; without a / it "
        "is the file's name in any folder. Without match: every picture.",
        examples=["products/**", ["*.jpg", "*.heic"]],
    )
    skip: bool = Field(default=False, description="true: leave these pictures alone.")
    model: Text = Field(
        default="u2net",
        description=f"The network: {', '.join(CATALOGUE)}, or one of your custom_models. "
        "`scissorsd models list` tells their licences, and which were tested.",
        examples=list(CATALOGUE),
    )
    second_opinion: Text | None = Field(
        default=None,
        description="Another network, which is asked where the first is unsure (a doubt above "
        f"{ASKED_ABOVE}), and whose mask is kept where its own doubt is less. Where the two "
        "disagree the mask is doubtful. Default: none. See docs/networks.md.",
        examples=["isnet-general-use"],
    )
    mask: MaskSection = Field(
        default_factory=MaskSection, description="How the network's map becomes the mask."
    )
    outputs: list[OutputSection] = Field(
        default_factory=lambda: [OutputSection()],
        description="The files to make of each picture. Default: one cutout as PNG.",
        min_length=1,
    )
    when_no_subject: OnVerdict = Field(
        default="review",
        description="Where no subject is found. publish: as any other. review: the outputs go "
        "under review/ in the outbox, with the reason, until you `scissorsd accept` or `reject` "
        "them. fail: the picture is set aside.",
    )
    when_doubtful: WhenDoubtful = Field(
        default_factory=DoubtfulSection,
        description="Where the mask is unsure of itself: the same three, as a word alone "
        "(`when_doubtful: review`), or with the doubt from which on it is so.",
    )
    source: SourceAction = Field(
        default="keep",
        description="What becomes of the picture once its outputs are published. Nothing is moved "
        "or deleted unless a rule says so.",
    )
    move_to: Annotated[str, AfterValidator(parse_texts.destination)] = Field(
        default="",
        description="With source: move, the folder; absolute or inside the outbox. Default: "
        "processed/.",
        examples=["processed", "/srv/archive"],
    )


class KeepSection(Section):
    """How long files of ours, and pictures that were moved, are kept in the outbox."""

    processed: KeptFor = Field(
        default=None,
        description="Of pictures that were moved to processed/ or move_to.",
        examples=["90d"],
    )
    failed: KeptFor = Field(
        default=None,
        description="Of what was set aside in failed/: the picture, if it was moved there, and the "
        "reason.",
        examples=["30d"],
    )
    review: KeptFor = Field(
        default=None,
        description="Of what waits in review/ for a person, or was put into rejected/.",
        examples=["90d"],
    )

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        """Take one duration for all three."""
        if isinstance(value, dict) or value is None:
            return value
        parse_quantities.kept_for(value)
        return dict.fromkeys(cls.model_fields, value)


class _OrOneForAll:
    """Says in the JSON Schema that a duration may stand in the place of the table."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


class InboxSection(Section):
    """A watched folder and what becomes of the pictures in it."""

    path: Place = Field(description="The folder to watch.", examples=["/srv/shop/inbox"])
    outbox: Place = Field(
        description="The folder for the results; outside every inbox that would take them again.",
        examples=["/srv/shop/outbox"],
    )
    watch: Literal["auto", "events", "polling"] = Field(
        default="auto",
        description="auto: events, and polling where path is a network share, which tells no "
        "events of other machines.",
    )
    require_mount: bool = Field(
        default=False,
        description="true: path must be a mount; while it is none, the inbox is away, not empty.",
    )
    recursive: bool = Field(
        default=True, description="Sub-folders too; they are mirrored in the outbox."
    )
    settle: Settle = Field(
        default=written("2s"),
        description="How long a picture must be unchanged before it is taken.",
        examples=["500ms", "2s", "5m"],
    )
    rescan: Rescan = Field(
        default=written("60s"),
        description="How often the whole folder is looked through; finds what events missed. Less "
        "often where 100,000 pictures and more make that costly.",
        examples=["60s", "5m", "1h"],
    )
    ignore: Globs = Field(
        default_factory=list,
        description="Globs to leave alone, added to the built-in list of temporary names and "
        "system folders.",
        examples=[["*.draft.*"]],
    )
    keep: Annotated[KeepSection, _OrOneForAll()] = Field(
        default_factory=KeepSection,
        description="For how long files are kept once their pictures have ended, in days; then "
        "they are removed, for good, if they are still what scissorsd put there. keep: 90d means "
        "all three. Default: for ever. See docs/housekeeping.md.",
    )
    remove_emptied: bool = Field(
        default=False,
        description="true: a sub-folder of the inbox goes an hour after its last picture was "
        "moved or deleted as source says, if nobody else has touched it, nothing at all is left "
        "in it, and no rule's match names it.",
    )
    rules: list[RuleSection] = Field(
        default_factory=lambda: [RuleSection(name="everything")],
        description="The first rule that matches a picture wins; one that matches none is left "
        "alone. Default: every picture, one cutout as PNG.",
        min_length=1,
    )


class LimitsSection(Section):
    """The largest picture that is read; one beyond it fails at once."""

    file: Size = Field(
        default=written("512MiB"),
        description="The size of its file.",
        examples=["512MiB", "2GB"],
    )
    pixels: Count = Field(
        default=written(f"{MAX_PIXELS // 1_000_000}M"),
        description="Its width times its height.",
        examples=["250M"],
    )


class Configuration(Section):
    """The configuration of scissorsd: which folders it watches, and what it makes of pictures."""

    state: Place = Field(
        default=written(str(DEFAULT_STATE)),
        description="The folder of the job journal; on a local disk.",
    )
    models: Place | None = Field(
        default=None,
        description="The folder of the model files. Default: $U2NET_HOME, else ~/.u2net, which "
        "is shared with rembg; without a home folder, models/ in the state folder.",
        examples=["/var/lib/scissorsd/models"],
    )
    providers: Providers = Field(
        default=written("auto"),
        description="Where the networks run: auto (a GPU that truly works, else the faster of "
        "openvino and cpu, which is found out once, beside the work), or a list, tried in order.",
        examples=["auto", ["cuda", "openvino", "cpu"]],
    )
    require_gpu: bool = Field(
        default=False, description="true: refuse to start, or to go on, without a GPU."
    )
    precision: Literal["auto", "full", "fast"] = Field(
        default="auto",
        description="full: fp32 everywhere. fast: what is faster where the machine has it: TF32, "
        "bf16 and, once it was tried there and found right, int8. auto: fast for networks whose "
        "masks were measured not to change by it.",
    )
    workers: Workers = Field(
        default=written("auto"),
        description="How many pictures are worked on at once.",
        examples=["auto", 4],
    )
    memory: Memory = Field(
        default=written("2GiB"),
        description="The ceiling for pictures in flight; lower where the machine, a container, a "
        "service or ulimit leaves less.",
        examples=["2GiB"],
    )
    limits: LimitsSection = Field(
        default_factory=LimitsSection,
        description="The largest picture that is read; one beyond it fails at once.",
    )
    custom_models: dict[Text, CustomModelSection] = Field(
        default_factory=dict, description="Networks of your own, by the name that rules use."
    )
    inboxes: dict[Text, InboxSection] = Field(
        description="The watched folders, by the name they have in logs, status and metrics.",
    )
    page: PageSection | None = Field(
        default=None,
        description="The page in the browser. Without this key nothing listens; page: {} takes "
        "every default. It needs the extra scissorsd[page]. See docs/page.md.",
    )
    hosts: HostsSection | None = Field(
        default=None,
        description="Other machines that cut for this one. Without this key nothing changes. It "
        "needs the extra scissorsd[hosts] and a hub. See docs/hosts.md.",
    )
