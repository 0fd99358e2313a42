"""The protocols for splitting a corpus.

- `official`: the split of the corpus. People may be in two parts; their number is reported.
- `identity-disjoint`: 70 % of the people for train, 10 % for val, 20 % for test (`npvf.corpora.splits.people`).
- `leave-one-out`: the same, but one kind of forgery is only in test, and test has no other forgery.
- `five-fold`: people in five folds; as many videos of each category as reals, one for each person if possible; one
  fold is test, the next is val.
- `cross-corpus`: everything is test, except people that the given splits train or validate on.

People who are not identified cannot be kept apart. So all protocols but the first and the last leave out videos with
such people, and count them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from npvf.clip import REAL
from npvf.corpora.record import Reader, Record
from npvf.corpora.splits import Split
from npvf.corpora.splits.people import divide
from npvf.errors import NpvfError

PROTOCOLS = ("official", "identity-disjoint", "leave-one-out", "five-fold", "cross-corpus")
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
FOLDS = 5


def make_split(
    reader: Reader,
    records: Sequence[Record],
    protocol: str,
    seed: int = 0,
    left_out: str | None = None,
    fold: int = 0,
    apart_from: Sequence[Split] = (),
) -> Split:
    """Split a corpus.

    Args:
        reader: the corpus.
        records: the records of its listing. Missing videos are included, so each copy gives the same split.
        protocol: one of `PROTOCOLS`.
        seed: random seed of the assignment of people.
        left_out: leave-one-out: the kind of forgery, as `reader.forgery_of` names it.
        fold: five-fold: the number of the test fold, from 0.
        apart_from: cross-corpus: the splits whose train and val people are left out.

    Raises:
        NpvfError: the corpus does not have what the protocol needs.
    """
    lost: Counter[str] = Counter(r.problem.reason.value for r in records if r.problem is not None)
    usable = [record for record in records if record.problem is None]
    settings: dict[str, object] = {"seed": seed}
    if protocol == "official":
        parts, settings = _official(reader, usable, lost), {}
    elif protocol == "identity-disjoint":
        parts = _identity_disjoint(reader, usable, lost, seed)
    elif protocol == "leave-one-out":
        parts = _leave_one_out(reader, _identity_disjoint(reader, usable, lost, seed), lost, left_out)
        settings["left_out"] = left_out
    elif protocol == "five-fold":
        parts = _five_fold(reader, usable, lost, seed, fold)
        settings["fold"] = fold
    elif protocol == "cross-corpus":
        parts = _cross_corpus(reader, usable, lost, apart_from)
        settings = {"apart_from": [split.hash for split in apart_from]}
    else:
        raise NpvfError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    people = {part: tuple(sorted({p for r in found for p in r.annotation.identities})) for part, found in parts.items()}
    seen = Counter(person for named in people.values() for person in named)
    return Split(
        corpus=reader.name,
        protocol=protocol,
        settings=settings,
        parts={part: tuple(sorted(record.path for record in found)) for part, found in parts.items()},
        people=people,
        namespace=reader.people or reader.name,
        counts={part: dict(sorted(Counter(map(reader.class_of, found)).items())) for part, found in parts.items()},
        left_out=dict(lost.most_common()),
        shared_people=sum(count > 1 for count in seen.values()),
    )


Parts = dict[str, list[Record]]


def _official(reader: Reader, records: Iterable[Record], lost: Counter[str]) -> Parts:
    if not reader.official:
        raise NpvfError(f"{reader.title} has no official split. Use identity-disjoint, and publish the file it makes.")
    parts: Parts = {part: [] for part in dict.fromkeys(reader.official.values())}
    for record in records:
        part = reader.official.get(record.annotation.split or "")
        if part is None:
            lost["in no official split"] += 1
        else:
            parts[part].append(record)
    if not any(parts.values()):
        raise NpvfError(f"this copy of {reader.title} does not contain its official split.")
    return parts


def _identity_disjoint(
    reader: Reader, records: Iterable[Record], lost: Counter[str], seed: int, shares: Mapping[str, float] = SHARES
) -> Parts:
    named = []
    for record in records:
        if record.unnamed or not record.annotation.identities:
            lost["a person in it is not identified"] += 1
        else:
            named.append(record)
    if not named:
        raise NpvfError(f"{reader.title} does not identify people, so it cannot be split by identity.")
    strata: dict[str, Hashable] = {
        record.annotation.identity: tuple(
            sorted((k, v) for k, v in record.annotation.attributes.items() if k in _GROUPS)
        )
        for record in named
        if record.annotation.identity is not None
    }
    part_of = divide([frozenset(record.annotation.identities) for record in named], shares, strata, seed)
    parts: Parts = {part: [] for part in shares}
    for record in named:
        places = {part_of[person] for person in record.annotation.identities}
        if len(places) == 1:
            parts[places.pop()].append(record)
        else:
            lost["combines people of two parts"] += 1
    return parts


_GROUPS = ("race", "gender")


def _leave_one_out(reader: Reader, parts: Parts, lost: Counter[str], left_out: str | None) -> Parts:
    kinds = sorted({kind for found in parts.values() for r in found if (kind := reader.forgery_of(r)) is not None})
    if left_out not in kinds:
        raise NpvfError(f"--left-out is missing or unknown; {reader.title} has {', '.join(kinds) or 'no forgeries'}.")
    kept: Parts = {}
    for part, found in parts.items():
        # Test: the left-out forgery against the real videos of the same people.
        fits = [(reader.forgery_of(r) == left_out) == (part == "test") or r.annotation.label == REAL for r in found]
        kept[part] = [record for record, fit in zip(found, fits, strict=True) if fit]
        lost["the forgery left out" if part != "test" else "another forgery than the one left out"] += fits.count(False)
    return kept


def _five_fold(reader: Reader, records: Iterable[Record], lost: Counter[str], seed: int, fold: int) -> Parts:
    if not 0 <= fold < FOLDS:
        raise NpvfError(f"--fold must be 0 to {FOLDS - 1}, got {fold}.")
    folds = _identity_disjoint(reader, records, lost, seed, {str(k): 1 / FOLDS for k in range(FOLDS)})
    chosen = [_balanced(folds[str(k)], np.random.default_rng([seed, k])) for k in range(FOLDS)]
    lost["beyond the balanced number"] += sum(map(len, folds.values())) - sum(map(len, chosen))
    validates = (fold + 1) % FOLDS
    train = [record for k in range(FOLDS) if k not in (fold, validates) for record in chosen[k]]
    return {"train": train, "val": chosen[validates], "test": chosen[fold]}


def _balanced(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
    """Choose as many of each category as there are reals: one for each person if possible, methods in turn."""
    by_category: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_category[record.annotation.category or str(record.annotation.label)].append(record)
    wanted = sum(record.annotation.label == REAL for record in records)
    chosen = []
    for _, found in sorted(by_category.items()):
        found = [found[i] for i in rng.permutation(len(found))]
        people: Counter[str | None] = Counter()
        methods: Counter[str | None] = Counter()
        for _ in range(min(wanted, len(found))):
            best = min(found, key=lambda r: (people[r.annotation.identity], methods[r.annotation.manipulation]))
            found.remove(best)
            people[best.annotation.identity] += 1
            methods[best.annotation.manipulation] += 1
            chosen.append(best)
    return chosen


def _cross_corpus(reader: Reader, records: Iterable[Record], lost: Counter[str], apart_from: Sequence[Split]) -> Parts:
    namespace = reader.people or reader.name
    known = {
        person
        for split in apart_from
        if split.namespace == namespace
        for part in ("train", "val")
        for person in split.people.get(part, ())
    }
    test = []
    for record in records:
        if record.annotation.label is None:
            lost["no label"] += 1
        elif known & set(record.annotation.identities):
            lost["contains a person that another split trains on"] += 1
        else:
            test.append(record)
    return {"test": test}
