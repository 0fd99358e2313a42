"""Before anyone trains: what tells fakes from reals without forensics, and what stands on both sides of the split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npvf.audit.leakage import Leakage, corpus_entries, file_entries, find_leakage
from npvf.audit.shortcuts import Shortcut, by_manipulation, rank_traits
from npvf.audit.traits import corpus_traits, file_traits
from npvf.clip import FAKE, REAL
from npvf.data.selection import Selection
from npvf.evaluate.detection import LABELLED
from npvf.io.corpus import DATASET, Corpus
from npvf.metrics.bootstrap import DEFAULT, Bootstrap

NAMED = 3  # people and pairs of videos that a sentence names


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found.

    Attributes:
        real, fake: labelled videos looked at.
        shortcuts: every trait, the strongest first.
        by_manipulation: the same of each manipulation's fakes against all reals, where there are several.
        leakage: None where no video says which part of a split it is in, or only one part is named.
    """

    real: int
    fake: int
    shortcuts: list[Shortcut]
    by_manipulation: dict[str, list[Shortcut]]
    leakage: Leakage | None

    @property
    def found(self) -> bool:
        """Whether there is something to mend."""
        kinds = (one for ranked in self.by_manipulation.values() for one in ranked)
        return any(one.found for one in (*self.shortcuts, *kinds)) or bool(self.leakage and self.leakage.found)

    def to_json(self) -> dict[str, Any]:
        """As `npvf audit --json` prints it."""
        return {
            "found": self.found,
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
        """Sentences: what was found and what to do about it; what is not known."""
        said = [one.sentence for one in self.shortcuts if one.found]
        whole = {one.name for one in self.shortcuts if one.found}
        for kind, ranked in self.by_manipulation.items():
            said += [f"for {kind}, {one.sentence}" for one in ranked if one.found and one.name not in whole]
        if not said:
            strongest = self.shortcuts[0]
            said.append(
                f"no shortcut: the strongest trait is {strongest.name}, "
                + (
                    "which is known of too few videos"
                    if strongest.auc is None
                    else f"AUC {strongest.auc:.2f}: nothing, or chance"
                )
            )
        if unknown := [one.name for one in self.shortcuts if one.coverage == 0]:
            said.append(f"not known, so not looked at: {', '.join(unknown)}")
        return said + _leakage_verdict(self.leakage)


def audit(
    src: str | Path,
    selection: Selection = LABELLED,
    parts: Mapping[str, str] | None = None,
    bootstrap: Bootstrap = DEFAULT,
    on_step: Callable[[], object] = lambda: None,
) -> Audit:
    """Look for shortcuts and leakage in a prepared corpus, or in videos as they lie on disk.

    Args:
        src: a folder that `npvf prepare` made; or a folder, list or file that it would take.
        selection: of the labelled videos among which shortcuts are looked for (of a prepared corpus).
        parts: video -> part of the split; None: as each video's `split` says.
        bootstrap: how intervals are made.
        on_step: called for each clip or file that is looked at.

    Raises:
        NpvfError: no labelled video.
    """
    if (Path(src) / DATASET).is_file():
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
        return ["leakage was not looked for: the videos are not in two or more parts of a split"]
    said = []
    if leakage.people:
        named = [f"{person} ({', '.join(parts)})" for person, parts in leakage.people.items()]
        said.append(
            f"people in several parts of the split ({len(named)}): {_few(named)}: split by person, drivers included"
        )
    if leakage.twins:
        named = [
            f"{t.first} ({t.parts[0]}) and {t.second} ({t.parts[1]}): same {' and '.join(t.same)}"
            for t in leakage.twins
        ]
        said.append(f"near-duplicates in different parts ({len(named)}): {_few(named)}: keep each pair in one part")
    if not said:
        said.append(f"no leakage between {', '.join(f'{part} ({n} videos)' for part, n in leakage.parts.items())}")
    if leakage.unnamed:
        said.append(f"{leakage.unnamed} videos do not say who is shown: people cannot be checked for them")
    if leakage.unprinted:
        said.append(f"{leakage.unprinted} videos have neither sound nor face to compare: only their files were")
    if leakage.without_part:
        said.append(f"{leakage.without_part} videos are in no part of the split")
    return said


def _few(names: list[str]) -> str:
    return "; ".join(names[:NAMED]) + ("; ..." if len(names) > NAMED else "")
