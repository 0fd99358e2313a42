"""Audit a labelled corpus before training: traits that separate fakes from reals, and leakage between splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from npvf.audit.leakage import Leakage, corpus_entries, file_entries, find_leakage
from npvf.audit.shortcuts import Shortcut, by_manipulation, rank_traits
from npvf.audit.traits import corpus_traits, file_traits
from npvf.clip import FAKE, REAL
from npvf.data.selection import Selection
from npvf.evaluate.detection import LABELLED
from npvf.io.corpus import Corpus, is_prepared
from npvf.io.urls import Place
from npvf.metrics.bootstrap import DEFAULT, Bootstrap

NAMED = 3  # the number of examples in a sentence


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes:
        real, fake: the numbers of labelled videos.
        shortcuts: all traits, the strongest first.
        by_manipulation: the same for the fakes of each manipulation against all reals, if there are several.
        leakage: None if the videos are not in two or more parts of a split.
    """

    real: int
    fake: int
    shortcuts: list[Shortcut]
    by_manipulation: dict[str, list[Shortcut]]
    leakage: Leakage | None

    @property
    def has_findings(self) -> bool:
        """True if a shortcut or leakage was found."""
        kinds = (one for ranked in self.by_manipulation.values() for one in ranked)
        return any(one.is_shortcut for one in (*self.shortcuts, *kinds)) or bool(self.leakage and self.leakage.leaks)

    def to_json(self) -> dict[str, Any]:
        """Return the content that `npvf audit --json` prints."""
        return {
            "has_findings": self.has_findings,
            "verdict": self.verdict(),
            "real": self.real,
            "fake": self.fake,
            "shortcuts": [one.to_json() for one in self.shortcuts],
            "by_manipulation": {
                kind: [one.to_json() for one in ranked] for kind, ranked in self.by_manipulation.items()
            },
            "leakage": self.leakage and self.leakage.to_json(),
        }

    def verdict(self) -> list[str]:
        """Return sentences: each finding with what to do about it, and what is unknown."""
        sentences = [one.sentence for one in self.shortcuts if one.is_shortcut]
        whole = {one.name for one in self.shortcuts if one.is_shortcut}
        for kind, ranked in self.by_manipulation.items():
            sentences += [f"for {kind}, {one.sentence}" for one in ranked if one.is_shortcut and one.name not in whole]
        if not sentences:
            strongest = self.shortcuts[0]
            sentences.append(
                f"no shortcut: the strongest trait is {strongest.name}, "
                + (
                    "which is known for too few videos"
                    if strongest.auc is None
                    else f"AUC {strongest.auc:.2f}: not distinguishable from chance"
                )
            )
        if unknown := [one.name for one in self.shortcuts if one.coverage == 0]:
            sentences.append(f"unknown, so not measured: {', '.join(unknown)}")
        return sentences + _leakage_verdict(self.leakage)


def audit(
    src: Place,
    selection: Selection = LABELLED,
    parts: Mapping[str, str] | None = None,
    bootstrap: Bootstrap = DEFAULT,
    on_step: Callable[[], object] = lambda: None,
) -> Audit:
    """Look for shortcuts and leakage in a prepared corpus, or in videos that are not prepared.

    Args:
        src: a corpus made by `npvf prepare`, or a folder, list or file of videos; a path or a URL.
        selection: the labelled videos of a prepared corpus in which to look for shortcuts.
        parts: video -> part of the split; None: the `split` of each video.
        bootstrap: makes the confidence intervals.
        on_step: called after each clip or file.

    Raises:
        NpvfError: there is no labelled video.
    """
    if is_prepared(src):
        corpus = Corpus(src)
        videos = corpus_traits(corpus, selection, on_step)
        entries, without = corpus_entries(corpus, parts, on_step)
    else:
        videos = file_traits(src, on_step)
        entries, without = file_entries(src, parts, on_step)
    kinds = by_manipulation(videos, bootstrap)
    return Audit(
        real=sum(video.label == REAL for video in videos),
        fake=sum(video.label == FAKE for video in videos),
        shortcuts=rank_traits(videos, bootstrap),
        by_manipulation=kinds if len(kinds) > 1 else {},
        leakage=find_leakage(entries, without) if len({entry.part for entry in entries}) > 1 else None,
    )


def _leakage_verdict(leakage: Leakage | None) -> list[str]:
    if leakage is None:
        return ["leakage was not measured: the videos are not in two or more parts of a split"]
    sentences = []
    if leakage.people:
        named = [f"{person} ({', '.join(parts)})" for person, parts in leakage.people.items()]
        sentences.append(
            f"people in several parts of the split ({len(named)}): {_few(named)}: split by person, drivers included"
        )
    if leakage.twins:
        named = [
            f"{t.first} ({t.parts[0]}) and {t.second} ({t.parts[1]}): same {' and '.join(t.same)}"
            for t in leakage.twins
        ]
        sentences.append(
            f"near-duplicates in different parts ({len(named)}): {_few(named)}: keep each pair in one part"
        )
    if not sentences:
        sentences.append(f"no leakage between {', '.join(f'{part} ({n} videos)' for part, n in leakage.parts.items())}")
    if leakage.unnamed:
        sentences.append(f"{leakage.unnamed} videos have no identity, so people could not be compared for them")
    if leakage.unprinted:
        sentences.append(
            f"{leakage.unprinted} videos have neither audio nor face to compare; only their files were compared"
        )
    if leakage.without_part:
        sentences.append(f"{leakage.without_part} videos are in no part of the split")
    return sentences


def _few(names: list[str]) -> str:
    return "; ".join(names[:NAMED]) + ("; ..." if len(names) > NAMED else "")
