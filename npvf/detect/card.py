"""The model card of a folder: `card.md`, written from the records in its `config.json`.

The records are the key "card" of `config.json` (the fields of `ModelCard`), and what training wrote there. The card
contains nothing else: a section without a record says that nothing is recorded. `npvf models card` prints the card,
and `npvf models card --update` adds records, such as the figures of an evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import yaml

from npvf.errors import NpvfError
from npvf.io.files import atomic_write, write_json
from npvf.metrics.catalogue import DETECTION, SYNCHRONY
from npvf.models.pretrained import CONFIG_FILE, read_config
from npvf.weights import CARD

NOT_RECORDED = "Not recorded."
# What a card takes from `metrics.json`.
_DETECTION_FIGURES = ("auc", "tpr", "fpr", "ece_balanced")
_SYNCHRONY_FIGURES = ("swap_auc", "shift_auc", "halves_agree")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """One source of data: its licence, and how it was used ("training", "calibration", "test", ...)."""

    name: str
    licence: str
    use: str
    people: int | None = None
    clips: int | None = None
    hours: float | None = None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value on one set; `low` and `high` are the ends of its 95 % interval."""

    on: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAlarms:
    """The number of genuine videos of one source that were called fake, at the threshold of the folder."""

    source: str
    genuine: int
    called_fake: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The records of a card.

    Attributes:
        summary: one sentence that says what the weights are.
        intended_use: what they are for, and what they are not for.
        data: the sources.
        protocol: how training, validation, calibration and test sets were kept apart.
        figures, false_alarms: what was measured.
        generators: whose fakes training has seen, by the names of their manipulations in corpora.
        languages: that training heard.
        limits: what is known not to work.
    """

    summary: str = ""
    intended_use: tuple[str, ...] = ()
    data: tuple[DataRecord, ...] = ()
    protocol: str = ""
    figures: tuple[Figure, ...] = ()
    false_alarms: tuple[SourceAlarms, ...] = ()
    generators: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the key "card". Raises NpvfError if a key is unknown or one that is needed is missing."""
        parts: dict[str, Callable[..., Any]] = {"data": DataRecord, "figures": Figure, "false_alarms": SourceAlarms}
        found: dict[str, Any] = {}
        try:
            for name, value in content.items():
                found[name] = tuple(parts[name](**item) for item in value) if name in parts else _plain(value)
            return cls(**found)
        except (TypeError, AttributeError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise NpvfError(f"these records are not those of a model card ({error}); its sections: {names}") from error

    def to_json(self) -> dict[str, Any]:
        """Return the content of the key "card", without what is not recorded."""

        def recorded(fields: list[tuple[str, Any]]) -> dict[str, Any]:
            return {name: value for name, value in fields if value not in (None, "", ())}

        return asdict(self, dict_factory=recorded)


def read_card(folder: str | Path) -> ModelCard:
    """Return the records of a folder. Raises NpvfError if one is unknown."""
    return ModelCard.from_json(read_config(folder).get("card", {}))


def write_card(folder: str | Path) -> Path:
    """Write `card.md` of a folder from its `config.json`, and return its path."""
    path = Path(folder) / CARD
    with atomic_write(path) as file:
        file.write(card_text(folder).encode())
    return path


def update_card(folder: str | Path, file: Path) -> Path:
    """Add the records of a file to `config.json`, and write `card.md` again.

    Args:
        folder: of the weights.
        file: a YAML or JSON file with sections of `ModelCard`, which replace those that are there; or the
            `metrics.json` of `npvf evaluate`, whose figures replace earlier ones of a run of the same name.

    Raises:
        NpvfError: the file cannot be read, or has other keys.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NpvfError(f"{file} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise NpvfError(f"{file} has no sections of a model card")
    config = read_config(folder)
    card = dict(config.get("card", {}))
    card |= (
        _measured(card, content) if isinstance(content.get("protocol"), str) and "provenance" in content else content
    )
    config["card"] = json.loads(json.dumps(ModelCard.from_json(card).to_json()))
    write_json(Path(folder) / CONFIG_FILE, config)
    return write_card(folder)


def card_text(folder: str | Path) -> str:
    """Return the model card of a folder, as Markdown."""
    folder = Path(folder)
    config = read_config(folder)
    card = ModelCard.from_json(config.get("card", {}))
    sections = {
        "Intended use": _bullets(card.intended_use),
        "Data": _table(("source", "licence", "used for", "people", "clips", "hours"), map(_data_row, card.data)),
        "Protocol": card.protocol,
        "Figures": _table(("measured on", "metric", "value", "95 % interval", "n"), map(figure_row, card.figures))
        + _commands(card.figures),
        "False alarms by source": _table(
            ("genuine videos of", "videos", "called fake", "share", "95 % interval"),
            map(alarm_row, card.false_alarms),
        ),
        "Generators seen in training": ", ".join(card.generators),
        "Limits": _bullets(card.limits),
        "Languages": ", ".join(card.languages),
        "Networks": _table(("part", "model", "MB", "training"), _networks(folder)),
    }
    lines = [f"# {folder.resolve().name}", "", card.summary or NOT_RECORDED]
    for title, text in sections.items():
        lines += ["", f"## {title}", "", text or NOT_RECORDED]
    version = config.get("npvf")
    return "\n".join([*lines, "", f"Written by npvf {version} from `{CONFIG_FILE}`." if version else "", ""]).replace(
        "\n\n\n", "\n\n"
    )


def _measured(card: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections `figures` and `false_alarms` with those of a `metrics.json`."""
    name, command = metrics["name"], metrics["command"]
    if metrics["protocol"] == "detection":
        found = list(_figures(name, command, metrics, _DETECTION_FIGURES, DETECTION))
        for kind, part in metrics["by_manipulation"].items():
            found += _figures(f"{name}: {kind}", command, part, ("auc", "tpr"), DETECTION)
    elif metrics["protocol"] == "synchrony":
        found = list(_figures(name, command, metrics["model"], _SYNCHRONY_FIGURES, SYNCHRONY))
    else:
        raise NpvfError("a model card takes the figures of the protocols detection and synchrony")
    kept = [figure for figure in card.get("figures", ()) if figure["on"].partition(": ")[0] != name]
    sections: dict[str, Any] = {"figures": [*kept, *found]}
    if alarms := list(_alarms(name, metrics)):
        others = [one for one in card.get("false_alarms", ()) if one["source"].partition(": ")[0] != name]
        sections["false_alarms"] = [*others, *alarms]
    return sections


def _figures(
    on: str, command: str, part: Mapping[str, Any], names: Iterable[str], titles: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for name in names:
        if (value := part.get(name)) is None:
            continue
        low, high = part.get(f"{name}_ci") or (None, None)
        n = part.get(f"{name}_n") or (part.get("judged_real", 0) + part.get("judged_fake", 0)) or None
        yield asdict(Figure(on=on, metric=titles[name].title, value=value, low=low, high=high, n=n, command=command))


def _alarms(name: str, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the false alarms of each group of the attribute `source`; of all genuine videos if none has it."""
    by_source = metrics.get("by_attribute", {}).get("source", {}).get("parts", {})
    parts = {f"{name}: {source}": part for source, part in by_source.items()} or {name: metrics}
    for source, part in parts.items():
        if part.get("fpr") is not None:
            genuine = part["judged_real"]
            yield asdict(SourceAlarms(source=source, genuine=genuine, called_fake=round(part["fpr"] * genuine)))


def _networks(folder: Path) -> Iterator[Sequence[str]]:
    for path in sorted(folder.rglob(CONFIG_FILE)):
        content, weights = read_config(path.parent), path.parent / "model.safetensors"
        if "model" not in content:
            continue
        part = path.parent.relative_to(folder).as_posix()
        size = f"{weights.stat().st_size / 1e6:.1f}" if weights.is_file() else ""
        yield "" if part == "." else part, content["model"].get("name", ""), size, _in_words(content.get("training"))


def _in_words(training: object) -> str:
    if not isinstance(training, Mapping) or not training:
        return NOT_RECORDED
    return "; ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in training.items())


def _data_row(record: DataRecord) -> Sequence[str]:
    name = f"[{record.name}]({record.link})" if record.link else record.name
    return (
        name,
        record.licence,
        record.use,
        *("" if n is None else f"{n:g}" for n in (record.people, record.clips, record.hours)),
    )


def figure_row(figure: Figure) -> Sequence[str]:
    """Return the cells of a figure: on what, metric, value, interval, n."""
    return figure.on, figure.metric, f"{figure.value:.3f}", _ends(figure.low, figure.high), str(figure.n or "")


def alarm_row(alarms: SourceAlarms) -> Sequence[str]:
    """Return the cells of a source: its name, genuine videos, called fake, share, and Wilson's interval."""
    if not alarms.genuine:
        return alarms.source, "0", "0", "", ""
    from scipy.stats import binomtest  # takes a second to import

    ends = binomtest(alarms.called_fake, alarms.genuine).proportion_ci(method="wilson")
    share = alarms.called_fake / alarms.genuine
    return alarms.source, str(alarms.genuine), str(alarms.called_fake), f"{share:.3f}", _ends(ends.low, ends.high)


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _commands(figures: Iterable[Figure]) -> str:
    commands = dict.fromkeys(figure.command for figure in figures if figure.command)
    return "\n\nMeasured with:\n\n" + "\n".join(f"    {command}" for command in commands) if commands else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines]) if lines else ""


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
