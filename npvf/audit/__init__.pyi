from .leakage import Leakage as Leakage, Twins as Twins, find_leakage as find_leakage
from .run import Audit as Audit, audit as audit
from .shortcuts import Shortcut as Shortcut, rank_traits as rank_traits
from .traits import (
    Trait as Trait,
    VideoTraits as VideoTraits,
    corpus_traits as corpus_traits,
    file_traits as file_traits,
)
