"""The results of an evaluation: one dataclass for the report of each protocol, and the record of the run.

`to_json` of a report and of the record together are `metrics.json`. Metrics are written flat, each with its interval:
`{"auc": 0.93, "auc_ci": [0.88, 0.96]}`. Their names are explained in `npvf.metrics.catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from npvf.metrics.bootstrap import Estimate, Interval
from npvf.metrics.sync_protocol import SynchronyMetrics

Metrics = Mapping[str, Estimate]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Metrics of real against fake over one set of videos, or of segments.

    Attributes:
        real, fake: how many there are; `judged_real` and `judged_fake` of them have a score.
        coverage: share of the videos that have a score, or a segment with a score.
        metrics: over those with a score; "auc_all" over all videos.
        missing: why there are no metrics; "" where there are.
        seconds_judged: of segments: the share of the clips' time that is in at least one of them.
    """

    real: int
    fake: int
    judged_real: int
    judged_fake: int
    coverage: float
    metrics: Metrics = field(default_factory=dict)
    missing: str = ""
    seconds_judged: float | None = None

    def to_json(self) -> Json:
        content = _but(self, "metrics", "missing", "seconds_judged") | flat(self.metrics)
        content |= {"missing": self.missing} if self.missing else {}
        return content | ({} if self.seconds_judged is None else {"seconds_judged": self.seconds_judged})


@dataclass(frozen=True, slots=True)
class SpanMetrics:
    """Temporal localization: AP and AR over the videos whose forged spans are known and the genuine ones."""

    videos: int
    spans: int
    coverage: float
    metrics: Metrics

    def to_json(self) -> Json:
        return _but(self, "metrics") | flat(self.metrics)


@dataclass(frozen=True, slots=True)
class Gap:
    """The distance between the best and the worst group of people, in AUC and in false-positive rate.

    `metrics` has "auc" and "fpr"; `between` names for each the groups with the lowest and the highest value.
    """

    metrics: Metrics
    between: Mapping[str, tuple[str, str]]

    def to_json(self) -> Json:
        content = flat(self.metrics)
        for name, (low, high) in self.between.items():
            content |= {f"{name}_low": low, f"{name}_high": high}
        return content


@dataclass(frozen=True, slots=True)
class AttributeMetrics:
    """Each group of one attribute (race, gender, ...): its fakes against its own reals. `gap` needs two such groups."""

    parts: Mapping[str, ClassMetrics]
    gap: Gap | None

    def to_json(self) -> Json:
        return {"parts": json_of(self.parts), "gap": self.gap and self.gap.to_json()}


@dataclass(frozen=True, slots=True)
class RatioMetrics:
    """Likelihood ratios against the labels (`npvf.metrics.likelihood`).

    Attributes:
        real, fake: videos with a ratio.
        cllr, cllr_min: the cost of the ratios, and after the best calibration.
        misleading_real, misleading_fake: share of the reals with a ratio above 1, and of the fakes with one below 1.
    """

    real: int
    fake: int
    cllr: float
    cllr_min: float
    misleading_real: float
    misleading_fake: float

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DetectionMetrics:
    """All metrics of one way to judge the clips: whole, or without the silence that they begin with.

    Attributes:
        group: what the bootstrap draws as a whole, `groups` of them.
        refused_as: how videos without a score count in "auc_all".
        threshold: a probability of at least this is called fake.
        duplicates: videos that are the same file as another one; they are in no count.
        reasons: why videos have no score, and how many for each reason.
        videos, segments, spans: metrics at three levels; None where there are no segments, or no known spans.
        by_manipulation, by_category: each kind of fake against all reals; the manipulation that is found worst first.
        seen: the manipulations of them that training has seen.
        by_training: all fakes of these together, and all others; empty if `seen` is.
        by_attribute: by group of people.
        mismatches: videos with the verdict "mismatch", by label; they are not called fake. Empty if there are none.
        ratios: of the video, and of each finding that is evidence for a forgery.
    """

    group: str
    groups: int
    refused_as: str
    threshold: float
    duplicates: int
    reasons: Mapping[str, int]
    videos: ClassMetrics
    by_manipulation: Mapping[str, ClassMetrics]
    by_category: Mapping[str, ClassMetrics]
    by_attribute: Mapping[str, AttributeMetrics]
    segments: ClassMetrics | None = None
    spans: SpanMetrics | None = None
    seen: Sequence[str] = ()
    by_training: Mapping[str, ClassMetrics] = field(default_factory=dict)
    mismatches: Mapping[str, int] = field(default_factory=dict)
    ratios: Mapping[str, RatioMetrics] = field(default_factory=dict)

    def to_json(self) -> Json:
        content = {"group": self.group, "groups": self.groups, "refused_as": self.refused_as}
        content |= {"threshold": self.threshold, "duplicates": self.duplicates, "reasons": dict(self.reasons)}
        content |= self.videos.to_json() | {"mismatches": dict(self.mismatches)}
        content["likelihood_ratios"] = json_of(self.ratios)
        content["seen_in_training"] = list(self.seen)
        for name in ("by_manipulation", "by_training", "by_category", "by_attribute"):
            content[name] = json_of(getattr(self, name))
        content |= {"segments": self.segments.to_json()} if self.segments else {}
        return content | ({"temporal_localization": self.spans.to_json()} if self.spans else {})


class Shortcut(Protocol):
    """A result of `npvf.audit.shortcuts`: how well one property of files alone tells fakes from reals."""

    @property
    def name(self) -> str: ...
    @property
    def auc(self) -> float | None: ...
    @property
    def interval(self) -> Interval | None: ...
    @property
    def typical_real(self) -> str: ...
    @property
    def typical_fake(self) -> str: ...
    @property
    def coverage(self) -> float: ...
    @property
    def is_shortcut(self) -> bool: ...
    @property
    def advice(self) -> str: ...
    def to_json(self) -> Json: ...


@dataclass(slots=True)
class DetectionReport:
    """The detection protocol.

    Attributes:
        silence: whether `main` is of whole clips ("kept") or of clips without the silence at their start ("trimmed").
        main: the metrics at the top of the report.
        trimmed: those of the trimmed clips, if both were measured.
        unlabelled: videos of the selection without a label; they are in no count.
        shortcuts: the strongest first; None where they were not asked for.
    """

    silence: Literal["kept", "trimmed"]
    main: DetectionMetrics
    trimmed: DetectionMetrics | None
    unlabelled: int
    shortcuts: Sequence[Shortcut] | None = None
    protocol: Literal["detection"] = "detection"

    @property
    def strongest(self) -> Shortcut | None:
        """The strongest shortcut that could be measured."""
        return next((one for one in self.shortcuts or () if one.auc is not None), None)

    def to_json(self) -> Json:
        content: Json = {"protocol": self.protocol, "silence": self.silence} | self.main.to_json()
        content |= {"unlabelled": self.unlabelled}
        content |= {"trimmed": self.trimmed.to_json()} if self.trimmed else {}
        return content | ({} if self.shortcuts is None else {"shortcuts": [one.to_json() for one in self.shortcuts]})


@dataclass(frozen=True, slots=True)
class PixelMetrics:
    """Metrics of forged pixels, over the videos whose masks are known.

    Attributes:
        videos: with a known mask, `forged_videos` of them forged; `coverage` is their share of all videos.
        without_mask: videos with a score whose mask is unknown; they are in none of the metrics.
        frames: full frames compared, with and without forged pixels.
        auc_error: most by which "auc" can be wrong, as probabilities are counted in bins.
    """

    videos: int
    forged_videos: int
    without_mask: int
    coverage: float
    frames: int
    forged_frames: int
    genuine_frames: int
    metrics: Metrics = field(default_factory=dict)
    auc_error: float = 0.0

    def to_json(self) -> Json:
        return _but(self, "metrics") | flat(self.metrics)


@dataclass(frozen=True, slots=True)
class SegmentationMetrics:
    """Videos (is the picture forged?) and pixels (where?); `prior`: the constant mask's pixels, where it is known."""

    video: ClassMetrics
    pixel: PixelMetrics
    prior: PixelMetrics | None = None

    def to_json(self) -> Json:
        video = self.video.to_json()
        pairs = self.video.metrics.get("auc_within_originals")
        video |= {"pairs_within_originals": pairs.n} if pairs else {}
        prior = {} if self.prior is None else {"prior": self.prior.to_json()}
        return {"video": video, "pixel": self.pixel.to_json()} | prior


@dataclass(frozen=True, slots=True)
class PriorRecord:
    """The constant mask beside a localizer: its threshold, and counts of what it was fitted on."""

    mask_threshold: float
    fitted_on: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SegmentationReport:
    """The segmentation protocol: all forgeries, and each kind of them, against all reals."""

    localizer: str
    threshold: float
    mask_threshold: float
    group: str
    groups: int
    duplicates: int
    reasons: Mapping[str, int]
    unlabelled: int
    main: SegmentationMetrics
    by_manipulation: Mapping[str, SegmentationMetrics]
    prior: PriorRecord | None = None
    protocol: Literal["segmentation"] = "segmentation"

    def to_json(self) -> Json:
        content: Json = {"protocol": self.protocol} | _but(
            self, "protocol", "main", "by_manipulation", "reasons", "prior"
        )
        content |= {"reasons": dict(self.reasons)} | self.main.to_json()
        content |= {} if self.prior is None else {"prior_mask": asdict(self.prior)}
        return content | {"by_manipulation": json_of(self.by_manipulation)}


@dataclass(frozen=True, slots=True)
class SynchronyReport:
    """The synchrony protocol.

    Attributes:
        group: what the bootstrap draws as a whole, `groups` of them.
        videos: of the selection; `refused` of them were not prepared, `duplicates` are the same file as another one.
        coverage: share of the files from which at least one clip was measured; files beyond the limit do not count.
        beyond_limit: files that were left out because there are more than are measured at once.
        columns: the results of "model" (all frames), "model_gated" (frames inside the phone gate), "baseline" and
            "baseline_change"; those that were measured.
    """

    group: str
    groups: int
    videos: int
    refused: int
    duplicates: int
    coverage: float
    columns: Mapping[str, SynchronyMetrics]
    beyond_limit: int = 0
    protocol: Literal["synchrony"] = "synchrony"

    def to_json(self) -> Json:
        content = {"protocol": self.protocol, "group": self.group, "groups": self.groups, "videos": self.videos}
        content |= {"videos_refused": self.refused, "videos_duplicate": self.duplicates, "coverage": self.coverage}
        content |= {"videos_beyond_limit": self.beyond_limit}
        return content | json_of(self.columns)


Report = DetectionReport | SegmentationReport | SynchronyReport


@dataclass(frozen=True, slots=True)
class CorpusRecord:
    """A corpus. If prepared: hashes of its manifest and its `dataset.json`, and the versions it was prepared with."""

    folder: str
    manifest_sha256: str | None = None
    dataset_sha256: str | None = None
    prepared_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideosRecord:
    """The videos of the selection: the hash is of their names, labels and contents, in any order."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that a result depends on. `model` holds the folder and the hash of each file; None without a model."""

    versions: Mapping[str, str]
    platform: str
    corpus: CorpusRecord
    videos: VideosRecord
    model: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The settings of a run and everything that its result depends on; `command` repeats it."""

    npvf: str
    name: str
    command: str
    bootstrap: int
    seed: int
    settings: Json
    provenance: Provenance
    split_file: Json | None = None

    def to_json(self) -> Json:
        content = asdict(self)
        if self.split_file is None:
            del content["split_file"]
        return content


def flat(metrics: Metrics) -> Json:
    """Each metric with its interval: `{name: value, name_ci: [low, high] or None}`."""
    return {key: value for name, estimate in metrics.items() for key, value in estimate.to_json(name).items()}


def json_of(parts: Mapping[str, Any]) -> Json:
    """`to_json` of each."""
    return {name: part.to_json() for name, part in parts.items()}


def _but(item: Any, *left_out: str) -> Json:
    """The fields of a dataclass as they are, but for some."""
    return {name: getattr(item, name) for name in item.__slots__ if name not in left_out}
