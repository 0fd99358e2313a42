"""Measure the accuracy of each phone source, in phones and times, on GRID, whose transcripts are known.

    python benchmarks/phones.py CLIPS --out runs/benchmarks

CLIPS is the folder that holds `grid/s1` and `grid/speakers` (or set NPVF_CLIPS). The reference is the forced
alignment of the sentence that a clip's name spells. Delays are fitted on every other clip of s1 and reported on the
rest and on the unseen speakers. The recogniser's row is npvf's own, with the delays it ships; `one delay` takes the
same constant off every phone.
"""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.machine import device_name
from benchmarks.phone_errors import calibrate_delay, find_events, onset_errors, phone_error_rate
from npvf.clip import SAMPLE_RATE, Phone, Phones
from npvf.corpora.grid import parse_grid_name
from npvf.speech.inventory import BILABIAL, FRICATIVE, PHONES, UNKNOWN
from npvf.speech.recogniser import DELAY, recognise
from npvf.speech.transcript import align_transcript
from npvf.speech.voice_activity import voice_activity

KINDS = {"fricatives": FRICATIVE, "bilabials": BILABIAL, "the rest": PHONES - FRICATIVE - BILABIAL}
NO_DELAY = dict.fromkeys((*PHONES, UNKNOWN), 0.0)


@dataclass
class Spoken:
    """A clip with its reference."""

    name: str
    audio_N: np.ndarray
    reference: Phones


def main() -> None:
    """Fit, measure, print one table, write one CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="?", type=Path, default=os.environ.get("NPVF_CLIPS"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--limit", type=int, help="only so many clips of s1")
    args = parser.parse_args()
    if args.clips is None:
        parser.error("name the folder of clips, or set NPVF_CLIPS")

    console = Console()
    s1 = [read(p) for p in track(sentences(args.clips / "grid/s1")[: args.limit], "aligning s1")]
    others = [p for p in sentences(args.clips / "grid/speakers") if not (args.clips / "grid/s1" / p.name).exists()]
    to_fit, sets = s1[::2], {"s1, held out": s1[1::2], "unseen speakers": [read(p) for p in others]}

    late = [recognise(c.audio_N, NO_DELAY) for c in track(to_fit, "fitting delays")]
    reference = [c.reference for c in to_fit]
    for kind, phones in KINDS.items():
        fitted = calibrate_delay(late, reference, phones)
        console.print(f"delay of {kind}: fitted {fitted:.3f} s, shipped {delay_of(phones):.2f} s")
    one = calibrate_delay(late, reference)
    console.print(f"one delay for all: {one:.3f} s")

    rows = []
    for name, clips in sets.items():
        recognised = [recognise(c.audio_N) for c in track(clips, name)]
        found = {
            "recogniser": recognised,
            "recogniser, one delay": [shifted(p, one) for p in recognised],
            "recogniser, no delay": [shifted(p, 0.0) for p in recognised],
            "pocketsphinx, no transcript": [allphone(c) for c in clips],
            "voice activity": [voice_activity(c.audio_N) for c in clips],
        }
        rows += [{"source": source, "set": name, **measure(phones, clips)} for source, phones in found.items()]
    console.print(table(rows))
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"phones-{device_name()}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    console.print(f"wrote {path}")


def shifted(phones: Phones, delay: float) -> Phones:
    """The recogniser's onsets as they were with one delay in place of the shipped ones."""
    moved = (replace(p, start=p.start + DELAY[p.phone] - delay) if p.phone in DELAY else p for p in phones.items)
    return Phones(tuple(moved), phones.source)


def measure(found: list[Phones], clips: list[Spoken]) -> dict[str, float | int]:
    """One source on one set. Speech accuracy is the share of the time at which both say speech or both say silence."""
    reference = [c.reference for c in clips]
    errors = np.abs(onset_errors(found, reference))
    closures = find_events(found, reference, BILABIAL)
    agree = [speaking(a, c) == speaking(c.reference, c) for a, c in zip(found, clips, strict=True)]
    return {
        "clips": len(clips),
        "phones": sum(p.phone in PHONES for r in reference for p in r.items),
        "phone_error_rate": phone_error_rate(found, reference),
        "onset_error_median_s": float(np.median(errors)) if len(errors) else float("nan"),
        "onset_error_p90_s": float(np.percentile(errors, 90)) if len(errors) else float("nan"),
        "bilabial_hits": closures.hits,
        "bilabial_false_alarms": closures.false_alarms,
        "bilabial_misses": closures.misses,
        "bilabial_precision": closures.precision,
        "bilabial_recall": closures.recall,
        "bilabial_f1": closures.f1,
        "speech_accuracy": float(np.concatenate(agree).mean()),
    }


def speaking(phones: Phones, clip: Spoken) -> np.ndarray:
    """Speech in each 10 ms."""
    mask = np.zeros(len(clip.audio_N) // (SAMPLE_RATE // 100), dtype=bool)
    for p in phones.items:
        mask[round(p.start * 100) : round(p.end * 100)] = p.phone != "sil"
    return mask


def allphone(clip: Spoken) -> Phones:
    """pocketsphinx with a phone bigram in place of words."""
    from pocketsphinx import Decoder, get_model_path

    decoder = Decoder(allphone=get_model_path("en-us/en-us-phone.lm.bin"), lw=2.0, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((np.clip(clip.audio_N, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    items = (Phone(s.word.lower(), s.start_frame / 100, (s.end_frame + 1) / 100) for s in decoder.seg())
    return Phones(tuple(p if p.phone in PHONES else Phone("sil", p.start, p.end) for p in items), "recogniser")


def sentences(folder: Path) -> list[Path]:
    """Clips whose name encodes a sentence of GRID."""
    found = sorted(p for p in folder.glob("*.mpg") if parse_grid_name(p.stem))
    if not found:
        raise SystemExit(f"{folder} contains no clips of GRID")
    return found


def read(path: Path) -> Spoken:
    """Audio and forced alignment."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        parts = [r.to_ndarray()[0] for f in (*container.decode(audio=0), None) for r in resampler.resample(f)]
    audio = np.concatenate(parts)
    sentence = parse_grid_name(path.stem)
    assert sentence is not None, f"{path.name} is not a name of GRID"
    return Spoken(path.stem, audio, align_transcript(audio, sentence))


def delay_of(phones: frozenset[str]) -> float:
    """The delay shipped for a kind of phones."""
    (delay,) = {DELAY[p] for p in phones}
    return delay


def table(rows: list[dict]) -> Table:
    """For people."""
    shown = Table(
        "source", "clips of", "PER", "onset median", "90 %", "bilabials P", "R", "F1", "(hit/false/missed)", "speech"
    )
    for r in rows:
        figures = [r[k] for k in ("bilabial_precision", "bilabial_recall", "bilabial_f1")]
        counts = "/".join(str(r[f"bilabial_{k}"]) for k in ("hits", "false_alarms", "misses"))
        times = [f"{1000 * r[k]:.0f} ms" for k in ("onset_error_median_s", "onset_error_p90_s")]
        shown.add_row(
            r["source"],
            f"{r['set']} ({r['clips']})",
            f"{r['phone_error_rate']:.3f}",
            *times,
            *(f"{f:.3f}" for f in figures),
            counts,
            f"{r['speech_accuracy']:.3f}",
        )
    return shown


if __name__ == "__main__":
    main()
