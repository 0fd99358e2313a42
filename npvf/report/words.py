"""A verdict in plain words: one sentence, what it rests on, how sure it is, and what it does not mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from npvf.clip import Finding
from npvf.detect.findings import FORGERY, QUESTIONS, describe
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.errors import Reason

HEADLINES = {
    "fake": "Signs of a forgery",
    "real": "No sign of a forgery",
    "mismatch": "Sound and lips do not fit each other",
    "abstain": "No verdict",
    "broken": "Cannot be read",
}
UNCERTAIN = "No finding reaches its threshold"  # the headline of "real" with some evidence for the first proposition
# What makes sound and lips disagree without a forgery, and how to find out.
HARMLESS = (
    ("a dub, an interpreter or a voice-over", "is another language heard than the lips speak, or is it a translation?"),
    ("late or early sound", "do claps and plosives come at another time than they are seen?"),
    ("a voice from off screen", "does another person speak, while this one only moves the mouth?"),
    ("a still picture or an animation with a voice", "does anything but the camera move?"),
    ("a song, or music over the speech", "was the sound replaced when the video was edited?"),
)
# What a reader can do about a reason to abstain.
ADVICE: dict[str, str] = {
    Reason.NOT_FOUND: "Check the path.",
    Reason.UNDECODABLE: "Ask for the original file; a download may be incomplete.",
    Reason.TIME_LIMIT: "Cut out the part that matters.",
    Reason.MEMORY_LIMIT: "Cut out the part that matters, or use a machine with more memory.",
    Reason.NO_VIDEO: "npvf judges faces; a file with audio alone cannot be judged.",
    Reason.NO_AUDIO: "Ask for the version with audio. Without audio, lips cannot be compared with it.",
    Reason.SILENT_AUDIO: "Ask for the version with audio. Without audio, lips cannot be compared with it.",
    Reason.NO_FACE: "A face has to stay in view for a second, from the front or half from the side.",
    Reason.FACE_TOO_SMALL: "Ask for the original in full resolution.",
    Reason.BAD_CROPS: "Ask for the original; the face cannot be followed in this copy.",
    Reason.TOO_SHORT: "Ask for a longer part of the recording.",
    Reason.TOO_LONG: "Cut out the part that matters.",
    Reason.TOO_LITTLE_SPEECH: "Ask for a part in which the person speaks for some seconds.",
    Reason.OUT_OF_SYNC: "So it is unknown whether they belong together. Look for another copy: editing moves sound.",
    Reason.FACE_DOES_NOT_MOVE: "A still picture with a voice is not judged. Ask where the voice comes from.",
    Reason.MOUTH_HIDDEN: "Look for a part in which the mouth can be seen.",
    Reason.MUSIC_OR_NOISE: "Look for a part, or a copy, with speech and without music.",
    Reason.NOBODY_HERE_SPEAKS: "Look for a part in which the face that is seen speaks.",
    Reason.SUNG: "Song is not judged. Look for a part in which the person speaks.",
    Reason.SEVERAL_VOICES: "Look for a part in which one person speaks.",
    Reason.BAD_SIDECAR: "Correct or remove the file with annotations beside the video.",
    Reason.BAD_MASK: "Correct or remove the mask beside the video.",
    Reason.TOOL_MISSING: "npvf doctor says what to install.",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The first section of a report.

    Attributes:
        headline: a few words.
        sentence: the verdict in one sentence.
        code: the code of the reason to abstain; "" for other verdicts.
        advice: what to do about that reason.
        rests_on: what the verdict rests on, a sentence for each method.
        sure: how sure it is.
        not_meant: what the verdict does not mean.
        harmless: explanations of a mismatch that are not a forgery, each with a question to ask.
    """

    headline: str
    sentence: str
    code: str = ""
    advice: str = ""
    rests_on: tuple[str, ...] = ()
    sure: str = ""
    not_meant: tuple[str, ...] = ()
    harmless: tuple[tuple[str, str], ...] = ()

    def text(self, name: str, sha256: str, seconds: float, made_by: str) -> str:
        """Return the text to paste: plain, a line for each statement."""
        hash_line = f", SHA-256 {sha256}" if sha256 else ""
        lines = [f"{name} ({seconds:.1f} s{hash_line})", f"Result: {self.sentence}"]
        lines += [f"- {line}" for line in self.rests_on]
        lines += [f"How sure: {self.sure}"] if self.sure else []
        lines += ["It does not mean:"] if self.not_meant else []
        lines += [f"- {line}" for line in self.not_meant]
        return "\n".join([*lines, made_by])


def in_words(judgement: Judgement, detector: Predictor) -> Words:
    """Return the words for the verdict on one video."""
    verdict = judgement.verdict
    kind = "broken" if judgement.broken else verdict.verdict
    code, _, reason = verdict.reason.partition(": ") if verdict.verdict == "abstain" else ("", "", verdict.reason)
    rests_on = tuple(map(rests, verdict.findings)) or _of_one_method(judgement, detector)
    headline = UNCERTAIN if kind == "real" and any(map(_leans, verdict.findings)) else HEADLINES[kind]
    words = Words(headline, sentence(reason), code, ADVICE.get(code, ""), rests_on)
    if kind == "broken":
        return replace(words, sentence=f"The file cannot be read: {reason.rstrip('.')}.", rests_on=())
    if kind == "abstain":
        text = f"npvf gives no verdict on this video: {reason.rstrip('.')}."
        return replace(words, sentence=text, not_meant=(NEITHER,))
    return replace(
        words,
        sentence=_verdict_sentence(kind, judgement, detector),
        sure=_how_sure(kind, verdict.findings, verdict.people),
        not_meant=NOT_MEANT[kind],
        harmless=HARMLESS if kind == "mismatch" else (),
    )


NEITHER = "That the video is real, or that it is fake: neither follows."
# Each completes "it does not mean".
NOT_MEANT: dict[str, tuple[str, ...]] = {
    "fake": (
        "That it is proved: genuine videos are called fake, too; the error rates below say how often.",
        "Anything about who made it, what for, or which part of what is heard is false.",
    ),
    "real": (
        "That the video is genuine: this detector misses forgeries; the error rates below say how many.",
        "That date, place, cuts, background and texts are right: they were not looked at.",
    ),
    "mismatch": (
        "That it is a forgery: harmless videos mismatch, too.",
        "That the picture is genuine, or the audio.",
    ),
}


def rests(found: Finding) -> str:
    """Return a sentence on one finding, with its likelihood ratio in words.

    Examples:
        >>> found = Finding("mouth_motion", "generator", ("A", "B"), 0.6, (-1.0, 0.6), "weak", track=1)
        >>> rests(found)
        'Mouth motion (face 2): what was measured is about 4 times as likely if A as if B. This is weak evidence.'
    """
    if found.log10_lr is None:
        return sentence(describe(found))
    title = QUESTIONS[found.name].title.capitalize()
    face = f" (face {found.track + 1})" if found.track is not None else ""
    if found.words == "no":
        return f"{title}{face}: what was measured is about as likely either way. This says nothing."
    first, second = found.propositions if found.log10_lr > 0 else found.propositions[::-1]
    ratio = ratio_text(abs(found.log10_lr))
    return (
        f"{title}{face}: what was measured is about {ratio} times as likely if {first} as if {second}. "
        f"This is {found.words} evidence."
    )


def ratio_text(log10_lr: float) -> str:
    """Return a ratio with the digits that it deserves: 3.2 below 4, then whole numbers, then rounded ones."""
    ratio = 10**log10_lr
    if ratio < 3.95:
        return f"{ratio:.1f}"
    digits = max(0, len(f"{ratio:.0f}") - 2)
    return f"{round(ratio, -digits):,.0f}"


def sentence(text: str) -> str:
    """Return a text with a full stop, and a capital letter unless it begins with the name of a file."""
    name = text.split(" ", 1)[0].endswith(":")
    return (text if name else text[:1].upper() + text[1:]).rstrip(".") + "."


def _verdict_sentence(kind: str, judgement: Judgement, detector: Predictor) -> str:
    verdict = judgement.verdict
    if not verdict.findings:
        if detector.finds_pixels:
            return sentence(verdict.reason)
        if kind == "fake":
            return f"The {verdict.reason}: the face may be forged, or the audio replaced."
        return f"The {verdict.reason}, as they do in genuine speech."
    judged = [found for found in verdict.findings if found.log10_lr is not None]
    if kind == "fake":
        against = [found for found in judged if found.name in FORGERY and _leans(found)] or judged
        said = " and ".join(found.propositions[0] for found in against)
        strongest = max(against, key=lambda found: found.log10_lr or 0)
        return f"There is {strongest.words} evidence for a forgery: it seems that {said}."
    looked = ", or in ".join(QUESTIONS[f.name].title for f in judged if f.name in FORGERY or kind == "real")
    if kind == "mismatch":
        rest = f" No sign of a forgery was found in {looked}." if looked else ""
        return f"Sound and lips do not fit each other, which harmless videos do, too.{rest}"
    leaning = [found for found in judged if _leans(found)]
    if leaning:
        said = " and ".join(f"{found.words} evidence that {found.propositions[0]}" for found in leaning)
        return f"No finding reaches its threshold, but there is {said}."
    return f"No sign of a forgery was found in {looked}."


def _leans(found: Finding) -> bool:
    """Tell if a finding supports its first proposition, however weakly."""
    return (found.log10_lr or 0) > 0 and found.words != "no"


def _how_sure(kind: str, findings: Sequence[Finding], people: int | None) -> str:
    fitted = f" Its threshold was chosen on videos of {people} people." if people else ""
    decisive = [f for f in findings if f.bounds and (f.name in FORGERY) == (kind != "mismatch")]
    if not decisive:
        return f"The probability holds for videos like those of the calibration, at equal prior odds.{fitted}"
    strongest = max(decisive, key=lambda found: found.log10_lr or 0)
    low, high = strongest.bounds or (0.0, 0.0)
    log10_lr = strongest.log10_lr or 0.0
    example = _example(log10_lr) if kind == "fake" and log10_lr > 0 else ""
    first = strongest.propositions[0]
    return (
        f"{example}In {QUESTIONS[strongest.name].title}, the calibration data support a ratio of at most "
        f"{ratio_text(high)} in favour of the statement that {first}, and of at most {ratio_text(-low)} in favour of "
        f"the opposite. This detector cannot be surer than that.{fitted}"
    )


def _example(log10_lr: float) -> str:
    """Return what a ratio means for a video if one in a hundred such videos is forged.

    Examples:
        >>> _example(1.0)
        'If 1 in 100 videos of this kind were forged, it would be about 1 in 11 of those with such a finding. '
    """
    odds = 10**log10_lr / 99
    share = f"1 in {1 / odds + 1:.0f}" if odds < 1 else f"{100 * odds / (1 + odds):.0f} in 100"
    return f"If 1 in 100 videos of this kind were forged, it would be about {share} of those with such a finding. "


def _of_one_method(judgement: Judgement, detector: Predictor) -> tuple[str, ...]:
    """Return what the verdict of a detector without findings rests on."""
    verdict = judgement.verdict
    if verdict.fake_probability is None:
        return ()
    return (
        f"The probability of fake is {verdict.fake_probability:.2f}, and a video is called fake from "
        f"{verdict.threshold:.2f} on ({detector.settings.name}).",
    )
