"""Fuzzes the readers: whatever the bytes, the answer is a configuration or a UserError, soon, and no code runs.

    python -m tests.config.fuzz SECONDS [SEED]

prints how many inputs were tried. The tests run a short slice of it.
"""

import contextlib
import io
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from metta_puffer.cli.audit import main
from metta_puffer.config.hydra import read_composed
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.errors import UserError
from tests.config import upstream

CONFIGS = Path(__file__).parents[2] / "configs"
SLOW_SECONDS = 20.0  # far above any honest input; only a blow-up reaches it
SPECIAL = [
    b'${', b'}', b'${a.b}', b'${..x}', b'${oc.env:HOME}', b'&a', b'*a', b'<<: *a',
    b'!!python/object/apply:os.system', b'!!binary', b'? ', b'- ', b': ', b'[', b']', b'{', b'}', b'%',
    b'%YAML 1.1', b'---', b'...', b'|', b'>', b"'", b'"', b'\x00', b'\xff\xfe', b'\r\n', b'\t', b'\xef\xbb\xbf',
    b'nan', b'inf', b'-inf', b'1e999', b'-1', b'0', b'0x10', b'0o7', b'9223372036854775807', b'9223372036854775808',
    b"1" * 5000, b'1_000', b'auto', b'None', b'null', b'~', b'???', b'true', b'True',
    b"__import__('os').system('false')", b"(" * 500, b"[" * 500, b"{" * 500, b'=', b'[train]',
    b'[train]\nbatch_size = 1\n', b'num_envs = 64', b'defaults:\n  - a\n', b'2025-01-01', b'1:30', b'=\n', b'# ',
    b';',
]  # fmt: skip


@dataclass
class Tally:
    inputs: int = 0
    accepted: int = 0
    refused: int = 0


def corpus() -> list[tuple[str, bytes]]:
    texts = [
        (path.suffix, path.read_bytes()) for path in sorted(CONFIGS.rglob("*.*")) if path.suffix in (".ini", ".yaml")
    ]
    texts += [(".ini", text.encode()) for name, text in vars(upstream).items() if name.endswith("_INI")]
    return [*texts, (".yaml", upstream.TRAINER_2025_08_YAML.encode())]


def mutate(data: bytes, others: list[bytes], generator: random.Random) -> bytes:
    for _ in range(generator.choice((1, 1, 2, 3, 8))):
        at = generator.randrange(len(data) + 1)
        end = min(len(data), at + generator.choice((0, 1, 2, 8, 64)))
        match generator.randrange(7):
            case 0:  # overwrite or insert something special
                data = data[:at] + generator.choice(SPECIAL) + data[end:]
            case 1:  # truncate
                data = data[:at]
            case 2:  # random bytes
                data = data[:at] + generator.randbytes(generator.randrange(1, 5)) + data[end:]
            case 3:  # a piece of another file
                other = generator.choice(others)
                start = generator.randrange(len(other) + 1)
                data = data[:at] + other[start : start + 200] + data[end:]
            case 4:  # repeat a piece
                data = data[:at] + data[at:end] * generator.choice((2, 50)) + data[end:]
            case 5:  # another value for a key
                lines = data.split(b"\n")
                index = generator.randrange(len(lines))
                for mark in (b"= ", b": "):
                    key, found, _ = lines[index].partition(mark)
                    if found:
                        lines[index] = key + mark + generator.choice(SPECIAL)
                        break
                data = b"\n".join(lines)
            case 6:  # delete
                data = data[:at] + data[end:]
    return data


def run(seconds: float, seed: int, most: int | None = None) -> Tally:
    """Raises whatever is no UserError, or AssertionError for an input that takes too long; the input is kept."""
    generator = random.Random(seed)
    files = corpus()
    tally = Tally()
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < deadline and (most is None or tally.inputs < most):
            ending, data = generator.choice(files)
            path = Path(folder) / f"fuzzed{ending}"
            path.write_bytes(mutate(data, [other for _, other in files], generator))
            began = time.monotonic()
            tally.inputs += 1
            try:
                read(path, generator.randrange(10) == 0)
                tally.accepted += 1
            except UserError as error:
                tally.refused += 1
                assert str(error)
            except BaseException:
                Path("fuzz-failure").with_suffix(ending).write_bytes(path.read_bytes())
                raise
            assert time.monotonic() - began < SLOW_SECONDS, path.read_bytes()
    return tally


def read(path: Path, whole: bool) -> None:
    ini = path.suffix == ".ini"
    if not whole:
        if ini:
            load_puffer(path, default=CONFIGS / "puffer" / "default.ini")
        else:
            read_composed(path, path.parent)
            load_native(path)
        return
    puffer = path if ini else CONFIGS / "puffer" / "metta.ini"
    native = CONFIGS / "native" / "metta.yaml" if ini else path
    arguments = [
        "--puffer",
        str(puffer),
        "--native",
        str(native),
        "--puffer-default",
        str(CONFIGS / "puffer/default.ini"),
    ]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = main([*arguments, "--format", random.choice(("json", "html", "text"))])
    assert status in (0, 1, 2)
    if status == 2:
        raise UserError(output.getvalue(), remedy="")


if __name__ == "__main__":
    spent = float(sys.argv[1])
    print(run(spent, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
