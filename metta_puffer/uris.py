"""Files and folders by path or URI: `runs/a`, `file:///data/a`, `s3://bucket/a`, `gs://`, `memory://` through fsspec.

Also the names of versions, `RUN:v12` and `RUN:latest`. Every failure that a user can mend raises UserError: an unknown
scheme, a missing package, a missing file, no permission, no space, no network.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import fsspec
from fsspec.registry import known_implementations

from metta_puffer.errors import UserError, did_you_mean

Location = str | os.PathLike[str]
LATEST = "latest"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/+)")
_VERSION = re.compile(r"(.+):([^:/]+)")
_LOCAL_SCHEMES = ("file", "local")
_EXTRAS = {"s3": "s3", "s3a": "s3"}  # schemes whose package is an optional extra of ours


def is_remote(location: Location) -> bool:
    """Whether `location` is a URI of a place that is not this machine's file system. Raises UserError."""
    scheme = _scheme(location)
    return scheme is not None and scheme not in _LOCAL_SCHEMES


def local_path(location: Location) -> Path:
    """The path that a path or a file:// URI names. Raises UserError for any other URI."""
    if is_remote(location):
        raise UserError(
            "a folder of this machine is needed here",
            file=os.fspath(location),
            remedy="give a path or a file:// URI",
        )
    scheme = _scheme(location)
    return Path(os.fspath(location) if scheme is None else os.fspath(location)[len(scheme) + len("://") :])


def join(folder: Location, *names: str) -> str:
    """`folder` with names below it, a path or a URI like `folder` itself."""
    return "/".join([os.fspath(folder).rstrip("/") or "/", *names])


def name_of(location: Location) -> str:
    """The last part of a path or URI."""
    return os.fspath(location).rstrip("/").rpartition("/")[2]


def names(folder: Location) -> list[str]:
    """Names of what is in a folder, in order of the alphabet; [] where there is no such folder. Raises UserError."""
    with _failures_named(folder, "read"):
        filesystem, path = _open(folder)
        filesystem.invalidate_cache()
        if not filesystem.isdir(path):
            return []
        return sorted(name_of(found) for found in filesystem.ls(path, detail=False) if found.rstrip("/") != path)


def is_file(location: Location) -> bool:
    """Raises UserError where that cannot be found out."""
    with _failures_named(location, "read"):
        filesystem, path = _open(location)
        return bool(filesystem.isfile(path))


@contextmanager
def open_file(location: Location, mode: Literal["rb", "wb"] = "rb") -> Iterator[IO[bytes]]:
    """A binary file to read or to write; folders are made for it. Raises UserError, also at its end."""
    with _failures_named(location, "read" if mode == "rb" else "written"):
        filesystem, path = _open(location)
        if mode == "wb":
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        with filesystem.open(path, mode) as file:
            yield file


def read_bytes(location: Location) -> bytes:
    """Raises UserError."""
    with open_file(location) as file:
        return file.read()


def write_bytes(location: Location, data: bytes) -> None:
    """Raises UserError."""
    with open_file(location, "wb") as file:
        file.write(data)


def put(path: Path, location: Location) -> None:
    """Copies a file, or a folder with all in it, of this machine to `location`. Raises UserError."""
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            put(inner, join(location, inner.name))
        return
    with _failures_named(path, "read"):
        data = path.read_bytes()
    write_bytes(location, data)


def get(location: Location, path: Path) -> None:
    """Copies a file, or a folder with all in it, to `path` on this machine. Raises UserError."""
    if is_file(location):
        data = read_bytes(location)
        with _failures_named(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return
    inner = names(location)
    if not inner:
        raise _missing(location)
    for name in inner:
        get(join(location, name), path / name)


def remove(location: Location) -> None:
    """Deletes a file, or a folder with all in it; nothing where there is none. Raises UserError."""
    with _failures_named(location, "deleted"):
        filesystem, path = _open(location)
        if filesystem.exists(path):
            filesystem.rm(path, recursive=True)


def split_version(location: Location) -> tuple[str, int | None]:
    """(RUN, N) of `RUN:vN`, and (RUN, None) of `RUN:latest` and of plain `RUN`.

    Raises UserError for what follows a colon and is neither, unless a file or folder has that very name.
    """
    text = os.fspath(location)
    match = _VERSION.fullmatch(text)
    if match is None:
        return text, None
    run, version = match[1], match[2]
    if version == LATEST:
        return run, None
    if re.fullmatch(r"v\d+", version):
        return run, int(version[1:])
    if not is_remote(text) and local_path(text).exists():
        return text, None
    raise UserError(
        f"{version!r} is no version.{did_you_mean(version, [LATEST])}",
        file=text,
        remedy="write RUN:latest, or RUN:vN as in RUN:v12",
    )


def choose_version(run: Location, wanted: int | None, existing: Iterable[int]) -> int:
    """The number `wanted`, or the newest for None. Raises UserError where it is missing, naming the nearest one."""
    numbers = sorted(existing)
    if not numbers:
        raise UserError(
            "no complete checkpoint there",
            file=os.fspath(run),
            remedy="name a run folder that holds one, as in RUN, RUN:latest or RUN:v12",
        )
    if wanted is None:
        return numbers[-1]
    if wanted not in numbers:
        nearest = min(numbers, key=lambda number: abs(number - wanted))
        raise UserError(
            f"there is no version v{wanted}; the nearest is v{nearest}, the newest v{numbers[-1]}",
            file=os.fspath(run),
            remedy=f"write {os.fspath(run)}:v{nearest} or {os.fspath(run)}:{LATEST}",
        )
    return wanted


def _scheme(location: Location) -> str | None:
    """The scheme of a URI, None for a path. Raises UserError for an unknown scheme and for `s3:/bucket`."""
    match = _SCHEME.match(os.fspath(location))
    if match is None:
        return None
    scheme, slashes = match[1].lower(), match[2]
    known = scheme in known_implementations or scheme in _LOCAL_SCHEMES
    if len(slashes) == 1:
        if not known:
            return None  # a folder whose name ends in a colon
        raise UserError(
            "this is no URI", file=os.fspath(location), remedy=f"write two slashes after the colon: {scheme}://"
        )
    if not known:
        usual = ("file", "s3", "gs", "memory")
        near = did_you_mean(scheme, usual) or did_you_mean(scheme, known_implementations)
        raise UserError(
            f"there is no URI scheme {scheme}://.{near}",
            file=os.fspath(location),
            remedy=f"give a path, or a URI such as {', '.join(f'{one}://' for one in usual)}",
        )
    return scheme


def _open(location: Location) -> tuple[Any, str]:
    """(fsspec's file system, the path in it). Raises UserError when its package is missing."""
    scheme = _scheme(location) or "file"
    try:
        filesystem = fsspec.filesystem(scheme)
    except ImportError as error:
        reason = known_implementations.get(scheme, {}).get("err", str(error))
        extra = _EXTRAS.get(scheme)
        raise UserError(
            f"the package for {scheme}:// is not installed ({reason})",
            file=os.fspath(location),
            remedy=f"pip install 'metta-puffer[{extra}]'" if extra else "pip install the package named above",
        ) from error
    path = os.fspath(location if scheme not in _LOCAL_SCHEMES else local_path(location))
    return filesystem, filesystem._strip_protocol(path)


@contextmanager
def _failures_named(location: Location, done: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise _missing(location) from error
    except OSError as error:
        raise UserError(
            f"cannot be {done} ({error.strerror or error})",
            file=os.fspath(location),
            remedy="check that you may, and that the disk has space"
            if not is_remote(location)
            else "check the URI, your credentials and the network",
        ) from error
    except Exception as error:
        if not is_remote(location):
            raise
        # Each store has exceptions of its own, which share no base.
        raise UserError(
            f"cannot be {done} ({type(error).__name__}: {error})",
            file=os.fspath(location),
            remedy="check the URI, your credentials and the network",
        ) from error


def _missing(location: Location) -> UserError:
    near = ""
    if not is_remote(location):
        parent = local_path(location).parent
        near = did_you_mean(name_of(location), os.listdir(parent)) if os.access(parent, os.R_OK) else ""
    return UserError(f"there is no such file or folder.{near}", file=os.fspath(location), remedy="check the name")
