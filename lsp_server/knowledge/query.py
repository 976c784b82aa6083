"""What a provider is asked: owns which names of a document are sent, and how many; pure.

Only names leave, never a line: those near the cursor or in what is asked about. Secrets are taken out before.
"""

from __future__ import annotations

import re

from context import Snapshot
from context.nearby import look_nearby
from context.secrets import Redactor
from context.secrets.redact import MARK

MAX_NAMES = 10
_NEAR_CHARS = 3_000
_MAX_NAME_CHARS = 60
_NAME = re.compile(r"[^\W\d]\w{2,}")
_COMPOUND = re.compile(r"[^\W_]_+[^\W_]|[a-z\d][A-Z]")
# Words of many languages that no knowledge base is asked about.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
abstract and args assert async await bool boolean break byte case catch char class cls console const constructor
continue def default defer del delete dict double elif else end enum error except export extends extern false False
final finally float fmt for foreach from func function global goto if impl implements import include instanceof int
interface internal is kwargs lambda len let list local log long map match module mut namespace new nil none None
nonlocal not null object override package pass print private protected pub public raise range readonly rescue result
return self Self set short sizeof static str string String struct super switch test that the this throw throws trait
true True try tuple type typeof undefined union unsigned use using val value var virtual void volatile when where while
with yield
""",
    )
)


def names_near(snapshot: Snapshot, offset: int, redactor: Redactor) -> tuple[str, ...]:
    """The names that tell most of a place, the best first; none where the cursor stands in a secret."""
    text = snapshot.text
    if redactor.is_inside(text, offset):
        return ()
    before = redactor.redact(text[max(0, offset - _NEAR_CHARS) : offset]).text
    after = redactor.redact(text[offset : offset + _NEAR_CHARS]).text
    words = look_nearby(before + after, len(before)).words
    return _best({word: closeness for word, closeness in words.items() if _tells(word)})


def names_of(snapshot: Snapshot, start: int, end: int, redactor: Redactor, question: str = "") -> tuple[str, ...]:
    """The names in what is asked about: those of the question first, then the stretch's by how often they stand."""
    weights: dict[str, float] = {}
    stretch = snapshot.text[start : min(end, start + 2 * _NEAR_CHARS)]
    for text, weight in ((question, 100.0), (stretch, 1.0)):
        for word in filter(_tells, _NAME.findall(redactor.redact(text).text)):
            weights[word] = weights.get(word, 0.0) + weight
    return _best(weights)


def _tells(word: str) -> bool:
    return word not in _COMMON and len(word) <= _MAX_NAME_CHARS and MARK not in word


def _best(weights: dict[str, float]) -> tuple[str, ...]:
    """Names put together of several words tell more than single ones."""
    names = sorted(weights, key=lambda name: -weights[name] * (2 if _COMPOUND.search(name) else 1))
    return tuple(names[:MAX_NAMES])
