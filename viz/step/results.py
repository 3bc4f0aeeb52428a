"""Result codes: what a student's page says of its quiz, read by a teacher who has the same graph.

A code is a name, a dot, and letters: whether numbers were moved, how each question of the backward pass was answered,
and a check sum over these, the name and the page (quiz.js writes it). It finds a slip of the pen and a code from
another page; it is no seal against somebody who reads the script.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from viz.step.lesson import Lesson

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_MISREAD = str.maketrans("OIL", "011", "- ")
_ANSWERS = ("open", "shown", "helped", "right")
_CHECK = 4  # letters


@dataclass(frozen=True)
class Result:
    """How the questions of a page were answered.

    name : as the student typed it, "" for none
    answers : for each question its step, and "right" (at once), "helped" (with a hint, or after another try), "shown"
        (the page had to tell) or "open" (never asked)
    moved : whether the student moved numbers
    """

    name: str
    answers: dict[int, str]
    moved: bool

    def count(self, answer: str) -> int:
        return list(self.answers.values()).count(answer)

    def __str__(self) -> str:
        parts = [f"{self.count('right')} of {len(self.answers)} right"]
        parts += [f"{n} {words}" for answer, words in _SAID if (n := self.count(answer))]
        moved = "; numbers were moved" if self.moved else ""
        return f"{self.name or 'no name'}: {', '.join(parts)}{moved}"


_SAID = (("helped", "with help"), ("shown", "shown"), ("open", "not asked"))


def fingerprint(lesson: Lesson) -> str:
    """What tells the page of one graph from that of another: its equations and numbers, in eight digits."""
    return f"{_hash(lesson.as_text()):08x}"


def read(code: str, lesson: Lesson) -> Result:
    """What the code says. Raises ValueError where it is none of this page's, TypeError for what is no text."""
    if not isinstance(code, str):
        raise TypeError(f"a result code is a str, not {type(code).__name__} {code!r:.60}")
    questions = [at for at, step in enumerate(lesson.steps) if step.hint]
    name, _, rest = code.strip().rpartition(".")
    letters = rest.upper().translate(_MISREAD)
    payload, check = letters[:-_CHECK], letters[-_CHECK:]
    expected = -(-(1 + 2 * len(questions)) // 5)
    if len(payload) != expected or not set(letters) <= set(_ALPHABET) or check != _check(name, payload, lesson):
        raise ValueError(
            f"{code!r:.60} is no result code of this page: a letter is wrong, or it comes from another graph"
        )
    bits = "".join(f"{_ALPHABET.index(letter):05b}" for letter in payload)
    answers = [_ANSWERS[int(bits[i : i + 2], 2)] for i in range(1, 1 + 2 * len(questions), 2)]
    return Result(name, dict(zip(questions, answers, strict=True)), bits[0] == "1")


def _check(name: str, payload: str, lesson: Lesson) -> str:
    found = _hash(f"{fingerprint(lesson)}|{name}|{payload}")
    return _in_letters((found ^ found >> 20) & 0xFFFFF, _CHECK)


def _in_letters(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> 5 * i & 31] for i in reversed(range(count)))


def _hash(text: str) -> int:
    """FNV-1a, 32 bits (Fowler, Noll, Vo)."""
    found = 0x811C9DC5
    for byte in _bytes(text):
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


def _bytes(text: str) -> Iterable[int]:
    return text.encode("utf-8", "replace")
