"""Fit the likelihood ratios and the thresholds of a `Detector` on prepared corpora of people in no training.

Sound and lips need no forgeries: genuine clips stand against the same clips with the audio of another person, and with
their own audio from another moment. The other findings need labelled videos.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import log
from typing import Any

import numpy as np

from npvf.clip import FAKE, POSTERIORS_PER_FRAME, REAL, SAMPLES_PER_FRAME, Clip, FindingName, Phones
from npvf.data.selection import Selection, read_meta
from npvf.detect.aggregate import ClipScore
from npvf.detect.detector import Detector
from npvf.detect.false_alarms import MISMATCH_RATE, choose_threshold
from npvf.detect.findings import QUESTIONS, SOUND_AND_LIPS
from npvf.detect.likelihood import LikelihoodRatio, fit_likelihood, log_ratios_without_own
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.metrics.likelihood import cllr, cllr_min

SHORTEST = 50  # frames of a clip whose audio can be moved to another moment


@dataclass(slots=True)
class Observations:
    """The scores of videos for which it is known which proposition of a finding is true.

    `labels` are 1 for the first proposition. `left_out` counts by code the videos that could not be judged.
    """

    scores: list[float] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, detector: Detector, name: FindingName, scores: list[ClipScore], label: int, person: str) -> None:
        """Add a video by the scores of its clips by one method."""
        tracks = detector.parts[name].aggregate(scores).tracks.values()
        known = [track.log_odds for track in tracks if track.log_odds is not None]
        if known:
            self.scores.append(max(known))
            self.labels.append(label)
            self.people.append(person)
        else:
            self.left_out[next(track.reason for track in tracks).partition(":")[0]] += 1


def fit_ratio(seen: Observations, name: FindingName) -> tuple[LikelihoodRatio, dict[str, Any]]:
    """Return the likelihood ratio of a finding, and what was measured with it.

    Raises:
        NpvfError: one of its propositions is true in no video.
    """
    if {0, 1} != set(seen.labels):
        first, second = QUESTIONS[name].propositions
        raise NpvfError(
            f"{name} needs videos in which {first}, and in which {second}: {seen.labels.count(1)} and "
            f"{seen.labels.count(0)} could be judged. Choose other videos, or leave it out with --findings"
        )
    ratio = fit_likelihood(seen.scores, seen.labels, seen.people)
    apart_N = log_ratios_without_own(np.array(seen.scores), np.array(seen.labels), seen.people)
    return ratio, {
        "videos": list(ratio.videos),
        "people": list(ratio.people),
        "cllr": cllr(np.clip(apart_N, log(10) * ratio.lower, log(10) * ratio.upper), seen.labels),
        "cllr_min": cllr_min(seen.scores, seen.labels),
        "bounds": list(ratio.bounds),
        "left_out": dict(seen.left_out),
    }


def observe_sound(
    corpus: Corpus, detector: Detector, selection: Selection, on_clip: Callable[[], object] = lambda: None
) -> Observations:
    """Score genuine clips with their own audio (0), with that of another person, and with a moved one (1)."""
    seen = Observations()
    for clip, label in aligned_and_not(corpus, replace(selection, label="unforged")):
        score = detector.score_by(SOUND_AND_LIPS, clip)
        seen.add(detector, SOUND_AND_LIPS, [score], label, clip.meta.person)
        if label == 0:
            on_clip()
    return seen


def observe_videos(
    corpus: Corpus, detector: Detector, selection: Selection, on_clip: Callable[[], object] = lambda: None
) -> tuple[dict[FindingName, Observations], list[tuple[float, str]], list[tuple[float, str]]]:
    """Score whole videos: `Observations` of each finding by label, and the genuine videos for both thresholds.

    The second value has the evidence for a forgery of each genuine video and its person, the third one the log odds
    that its sound and lips disagree.
    """
    videos: dict[str, list[ClipScore]] = defaultdict(list)
    facts: dict[str, tuple[int, str]] = {}
    for sample in corpus.samples:
        meta = read_meta(sample)
        if selection.reason_against(meta) is None:
            clip = decode_clip(sample)
            videos[meta.video].append(detector.score_clip(clip))
            label, person = facts.get(meta.video, (REAL, clip.meta.person))
            facts[meta.video] = (FAKE if FAKE in (label, meta.label) else REAL), person
            on_clip()
    seen = {name: Observations() for name in detector.parts if name != SOUND_AND_LIPS}
    evidence, mismatch = [], []
    for video, scores in videos.items():
        label, person = facts[video]
        for name, one in seen.items():
            one.add(detector, name, [score.parts[name] for score in scores], label, person)
        if label == REAL:
            found = detector.aggregate(scores)
            evidence += [] if found.log_odds is None else [(found.log_odds, person)]
            heard = detector.disagreement(scores)
            mismatch += [] if heard is None else [(heard, person)]
    return seen, evidence, mismatch


def with_thresholds(
    detector: Detector, evidence: list[tuple[float, str]], mismatch: list[tuple[float, str]]
) -> Detector:
    """Return the detector with thresholds from genuine videos, scored with its likelihood ratios."""
    settings = detector.settings
    if evidence:
        log_odds, people = zip(*evidence, strict=True)
        threshold, alarms = choose_threshold(log_odds, people)
        settings = replace(settings, threshold=threshold, false_alarms=alarms, people=alarms.people)
    if mismatch:
        log_odds, people = zip(*mismatch, strict=True)
        threshold, alarms = choose_threshold(log_odds, people, MISMATCH_RATE)
        settings = replace(settings, mismatch=threshold, mismatch_alarms=alarms)
    return Detector(detector.parts, detector.likelihood, settings)


def need_apart(fitted: Corpus, genuine: Corpus, selections: tuple[Selection, Selection]) -> None:
    """Check that the videos that fit ratios and those that choose thresholds show other people.

    Raises:
        NpvfError: they share a file or a person.
    """
    (files, people), (other_files, other_people) = _known(fitted, selections[0]), _known(genuine, selections[1])
    if shared := sorted((files & other_files) | (people & other_people)):
        raise NpvfError(
            f"the videos of the likelihood ratios and those of the threshold share {', '.join(shared[:3])} "
            f"({len(shared)} files or people in all): the false alarms would look too few. Choose others"
        )


def aligned_and_not(corpus: Corpus, selection: Selection) -> Iterator[tuple[Clip, int]]:
    """Yield each clip of a speaker with its own audio (0), and with audio that does not belong to it (1)."""
    voices: list[Clip] = []
    for sample in corpus.samples:
        meta = read_meta(sample)
        if selection.reason_against(meta) is not None or meta.no_sound:
            continue
        clip = decode_clip(sample)
        if clip.frames < SHORTEST:
            continue
        yield clip, 0
        yield moved_audio(clip, clip.frames // 2), 1
        others = [voice for voice in voices if voice.meta.person != clip.meta.person]
        if others:
            yield other_audio(clip, others[0]), 1
        # The last voice, and the last one of another person; without their frames.
        voices = [replace(clip, face_THWC=clip.face_THWC[:0]), *others[:1]]


def moved_audio(clip: Clip, frames: int) -> Clip:
    """Return the clip with its audio moved by some frames; what goes over its end comes at its beginning."""
    at = clip.seconds * frames / clip.frames
    end = clip.phones.between(at, clip.seconds, -at).items
    begin = clip.phones.between(0, at, clip.seconds - at).items
    posteriors_FP = clip.posteriors_FP
    return replace(
        clip,
        audio_N=np.roll(clip.audio_N, -frames * SAMPLES_PER_FRAME),
        phones=Phones((*end, *begin), clip.phones.source),
        posteriors_FP=None if posteriors_FP is None else np.roll(posteriors_FP, -frames * POSTERIORS_PER_FRAME, axis=0),
    )


def other_audio(clip: Clip, other: Clip) -> Clip:
    """Return the beginning of a clip, as long as `other` at most, with the audio of `other`."""
    frames = min(clip.frames, len(other.audio_N) // SAMPLES_PER_FRAME)
    seconds = clip.seconds * frames / clip.frames
    start = clip.meta.span[0]
    return replace(
        clip,
        face_THWC=clip.face_THWC[:frames],
        audio_N=other.audio_N[: frames * SAMPLES_PER_FRAME],
        landmarks_TN2=clip.landmarks_TN2[:frames],
        source_landmarks_TN2=clip.source_landmarks_TN2[:frames],
        transform_T23=clip.transform_T23[:frames],
        confidence_T=clip.confidence_T[:frames],
        phones=other.phones.between(0, seconds),
        meta=replace(clip.meta, span=(start, start + seconds)),
        mask_THW=None if clip.mask_THW is None else clip.mask_THW[:frames],
        posteriors_FP=None if other.posteriors_FP is None else other.posteriors_FP[: frames * POSTERIORS_PER_FRAME],
    )


def _known(corpus: Corpus, selection: Selection) -> tuple[set[str], set[str]]:
    metas = [meta for meta in map(read_meta, corpus.samples) if selection.reason_against(meta) is None]
    people = {name for meta in metas for name in (meta.identity, *meta.identities) if name}
    return {meta.source_sha256 for meta in metas}, people
