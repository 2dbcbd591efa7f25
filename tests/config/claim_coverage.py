"""Which numbers of the users' documents docs/claims.md leaves out.

    .venv/bin/python -m tests.config.claim_coverage FOLDER     # the folder of the documents, NAME.txt each

A number is covered when a claim of that document claims it (262K counts as 262,144), when it stands in a quotation
listed in `QUOTED`, or when it only counts headings or names something (`STRUCTURE`). Prints every line with a number
that is none of these; exit status 1 when there is one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from metta_puffer.config.claims import claims
from tests.config.claim_quotes import QUOTED

SUFFIXES = {"K": 1e3, "k": 1e3, "M": 1e6, "B": 1e9}
# A number with thousands separators, a decimal part or exponent and a suffix; not one inside a name such as mp3.
NUMBER = re.compile(r"(?<![\w.])(\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e-?\d+)?)([KkMB](?![A-Za-z]))?")
STRUCTURE = (
    r"^\W*\d+\.\s+\D",  # item of a numbered list
    r"^\W*#+\s.*?(Slide|Step|Level)?\s*\d+[.:)]",  # numbered heading
    r"\b(Segment|Seq|Slide|Step|Level|Scene|Minibatch|minibatch #)\s*#?\d+",
    r"\bSeq \d+-\d+",
    r"\[t0, .*\]",
    r"\blines? \d+(-\d+)?",
    r"\[\d+:\d+\]",
)


def numbers(text: str) -> Iterator[tuple[int, int, float, float]]:
    """(start, end, value, half the unit of the last digit shown) of every number."""
    for match in NUMBER.finditer(text):
        digits, suffix = match.groups()
        plain = digits.replace(",", "").replace("_", "")
        scale = SUFFIXES.get(suffix or "", 1.0)
        places = len(plain.partition(".")[2]) if "e" not in plain else 0
        yield match.start(), match.end(), float(plain) * scale, 0.5 * scale / 10**places if suffix else 0.0


def claimed(document: str) -> list[float]:
    found: list[float] = []
    for claim in claims():
        if claim.document == document:
            said = [str(claim.claimed)] if not isinstance(claim.claimed, str) else [claim.claimed]
            for text in (*said, claim.what):
                found += [value for *_, value, _ in numbers(text)]
            if not isinstance(claim.claimed, str):
                found.append(float(claim.claimed))
    return found


def uncovered(document: str, text: str) -> list[tuple[int, str, list[float]]]:
    """(line number, line, numbers on it that nothing covers)."""
    known = claimed(document)
    quotes = [quote for name, quote, _ in QUOTED if name == document]
    left = []
    for number, line in enumerate(text.splitlines(), 1):
        spans = [m.span() for pattern in STRUCTURE for m in re.finditer(pattern, line)]
        spans += [m.span() for quote in quotes for m in re.finditer(re.escape(quote), line)]
        missing = [
            value
            for start, end, value, unit in numbers(line)
            if not any(low <= start and end <= high for low, high in spans)
            and not any(abs(value - one) <= max(unit, 1e-9 * abs(value)) for one in known)
        ]
        if missing:
            left.append((number, line.strip(), missing))
    return left


def main() -> int:
    folder = Path(sys.argv[1])
    found = 0
    for document in sorted({claim.document for claim in claims()}):
        for number, line, missing in uncovered(document, (folder / f"{document}.txt").read_text()):
            found += 1
            print(f"{document}.txt:{number}: {', '.join(f'{value:g}' for value in missing)}   {line}")
    print(f"{found} lines with numbers that docs/claims.md leaves out")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
