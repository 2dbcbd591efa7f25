"""Hostile and merely wrong files: a message with file and line, never a traceback, never a run of code."""

from pathlib import Path

import pytest

from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.native_yaml import Unresolved, read_yaml, scalar
from metta_puffer.config.puffer_ini import literal, read_ini
from metta_puffer.errors import UserError
from tests.config import fuzz
from tests.config.conftest import CONFIGS

BAD_INI = [
    ("key = 1\n", r":1: a key stands before any"),
    ("[train]\na = 1\n[train]\n", r":3: \[train\] stands twice"),
    ("[train]\ngamma = 1\ngamma = 2\n", r":3: \[train\] gamma stands twice"),
    ("[train]\nnonsense\n", r":2: cannot be read as ini"),
    ("[train\ngamma = 1\n", r":1: "),
    ("[train]\ngamma = nan\n", r":2: train\.gamma"),
    ("[train]\ngamma = inf\n", r":2: train\.gamma"),
    ("[train]\nbatch_size = 99999999999999999999999\n", r":2: train\.batch_size"),
    ("[train]\nbatch_size = -1\n", r":2: train\.batch_size = -1"),
    ("[train]\nbatch_size = 0\n", r":2: train\.batch_size = 0"),
    ("[train]\nbatch_size = __import__('os').system('touch pwned')\n", r":2: train\.batch_size"),
    ("[vec]\nnum_workers = [1, 2]\n", r":2: vec\.num_workers = \[1, 2\]"),
    ("[train]\nbatch_size = " + "(" * 5000 + "\n", r":2: train\.batch_size"),
]
BAD_YAML = [
    ("trainer: [1, 2\n", r":\d+: is no readable YAML"),
    ("trainer:\n\tbatch_size: 1\n", r":2: is no readable YAML"),
    ("- 1\n- 2\n", r":1: holds no mapping"),
    ("trainer:\n  batch_size: 1\n  batch_size: 2\n", r":3: trainer\.batch_size stands twice \(first in line 2\)"),
    ("trainer: !!python/object/apply:os.system ['touch pwned']\n", r":1: the tag .* is not allowed"),
    ("trainer:\n  batch_size: !!python/name:os.system\n", r":2: the tag"),
    (
        "trainer:\n  batch_size: ${trainer.minibatch_size}\n  minibatch_size: ${trainer.batch_size}\n",
        r"goes in a circle",
    ),
    ("trainer:\n  batch_size: ${trainer.batch_size}\n", r":2: trainer\.batch_size: the interpolation goes in a circle"),
    ("trainer:\n  batch_size: ${nowhere}\n", r":2: trainer\.batch_size.*points to a value that is not in this file"),
    ("trainer:\n  batch_size: ???\n", r":2: trainer\.batch_size.*must be given"),
    ("trainer:\n  batch_size: .nan\n", r":2: trainer\.batch_size"),
    ("trainer:\n  ppo:\n    gamma: .inf\n", r":3: trainer\.ppo\.gamma"),
    ("trainer:\n  batch_size: 9223372036854775808\n", r":2: trainer\.batch_size"),
    ("trainer:\n  ppo: 5\n", r":2: trainer\.ppo"),
    ("trainer:\n  batch_size: true\n", r":2: trainer\.batch_size = True"),
    ("{[a, b]: 1}\n", r":1: keys must be plain names"),
    ("? {a: b}\n: 1\n", r":1: keys must be plain names"),
    ("a: &a\n  <<: *a\n", r"keys must be plain names|no readable YAML"),
]


def bomb() -> str:
    """Nine aliases of nine aliases: a billion nodes when expanded."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 10)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("text, message", BAD_INI)
def test_bad_ini(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.ini"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.ini.*" + message if message[0] != ":" else r"bad\.ini" + message):
        load_puffer(path, default=CONFIGS / "puffer" / "default.ini")
    assert not Path("pwned").exists()


@pytest.mark.parametrize("text, message", BAD_YAML)
def test_bad_yaml(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    loaded = None
    with pytest.raises(UserError, match=message):
        loaded = load_native(path)
        unknown = [unread for unread in loaded.unread if not unread.known]
        if unknown:  # a section in place of a value is found when the run is resolved
            raise UserError(
                unknown[0].hint, remedy="", file=str(path), line=unknown[0].entry.source.line, key=unknown[0].key
            )
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        "a: " + "[" * 3000,
        "a: " + "{a: " * 3000,
        "\n".join(f"k{i}: ${{k{i + 1}}}${{k{i + 1}}}" for i in range(45)) + "\nk45: xxxxxxxxxx\n",
        "\n".join(f"k{i}: ${{k{i + 1}}}" for i in range(5000)) + "\nk5000: 1\n",
        "\n".join(f"k{i}: 1" for i in range(20000)),
    ],
    ids=["aliases", "lists", "mappings", "doubling interpolation", "long interpolation", "many keys"],
)
def test_blow_ups_are_refused_soon(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    with pytest.raises(UserError):
        read_yaml(path)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"[train]\ngamma\0 = 1", b"x" * (2 << 20)], ids=["utf-16", "null", "large"]
)
@pytest.mark.parametrize("ending", ["ini", "yaml"])
def test_files_that_are_no_text(data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"file.{ending}"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"UTF-8|null byte|1 MiB"):
        load_puffer(path) if ending == "ini" else load_native(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        load_native(tmp_path)


def test_values_as_pufferlib_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "values.ini"
    path.write_text(
        "[base]\nenv_name = metta arena  \n[train]\na = 10_000\nb = auto\nc = None\nd = 1e-3\nE = (1, 'x')\n"
    )
    values = {key: entry.value for key, entry in read_ini(path).items()}
    assert values == {"base.env_name": "metta arena", "train.a": 10_000, "train.b": "auto", "train.c": None,
                      "train.d": 0.001, "train.e": (1, "x")}  # fmt: skip
    assert literal("1and") == "1and"


def test_values_as_omegaconf_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(
        "a: 1e-12\nb: 10_000_000_000\nc: null\nd: ${.a}\n"
        "e: {f: '${..b}', g: 'x${a}', h: '${now:%Y}'}\ni: '1e3'\nj: yes\n"
    )
    values = {key: entry.value for key, entry in read_yaml(path).items()}
    assert values["a"] == 1e-12
    assert values["b"] == 10_000_000_000
    assert values["d"] == 1e-12
    assert values["e.f"] == 10_000_000_000
    assert values["e.g"] == "x1e-12"
    assert isinstance(values["e.h"], Unresolved)
    assert values["i"] == "1e3"
    assert scalar("3e-4") == 0.0003


def test_fuzzed_files_never_raise_anything_else() -> None:
    tally = fuzz.run(seconds=60, seed=4, most=400)
    assert tally.inputs == 400
    assert tally.accepted > 40
    assert tally.refused > 40
