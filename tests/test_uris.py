"""Paths and URIs behave alike, and whatever is wrong with one is said in one message."""

import errno
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from metta_puffer import uris
from metta_puffer.errors import UserError


@pytest.fixture(params=["path", "file://", "memory://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place of each kind."""
    own = f"memory://{uuid.uuid4().hex}"
    yield {"path": str(tmp_path), "file://": f"file://{tmp_path}", "memory://": own}[request.param]
    uris.remove(own)


def test_what_was_written_is_there_until_it_is_removed(folder: str) -> None:
    inner = uris.join(folder, "a", "b.bin")
    assert uris.names(uris.join(folder, "a")) == [] and not uris.is_file(inner)
    uris.write_bytes(inner, b"one")
    uris.write_bytes(uris.join(folder, "a", "a.bin"), b"two")
    assert uris.read_bytes(inner) == b"one"
    assert uris.names(uris.join(folder, "a")) == ["a.bin", "b.bin"] and uris.names(folder) == ["a"]
    uris.remove(uris.join(folder, "a"))
    assert not uris.is_file(inner)
    uris.remove(inner)  # once more does no harm


def test_folders_travel_whole(folder: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "x").write_bytes(b"x")
    (source / "y").write_bytes(b"y")
    uris.put(source, uris.join(folder, "copy"))
    uris.get(uris.join(folder, "copy"), back)
    assert (back / "inner" / "x").read_bytes() == b"x" and (back / "y").read_bytes() == b"y"
    with pytest.raises(UserError, match="no such file or folder"):
        uris.get(uris.join(folder, "nothing"), back)
    with pytest.raises(UserError, match="no such file or folder"):
        uris.read_bytes(uris.join(folder, "nothing"))


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("memry://run", "no URI scheme memry://. Did you mean 'memory'?"),
        ("s3:/bucket/run", "two slashes after the colon: s3://"),
    ],
)
def test_a_mistyped_uri_is_refused(location: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        uris.read_bytes(location)
    assert said in str(error.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_package(scheme: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", without_package)
    with pytest.raises(UserError, match=r"(?s)s3fs.*Remedy: pip install 'metta-puffer\[s3\]'"):
        uris.read_bytes("s3://bucket/run")


def test_a_store_that_fails_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        pass

    def refuse(self: object, path: str, mode: str = "rb", **options: object) -> None:
        raise NoCredentialsError("unable to locate credentials")

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "open", refuse)
    with pytest.raises(UserError, match="NoCredentialsError: unable to locate credentials"):
        uris.read_bytes("memory://somewhere/x")


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(self: object, path: str, mode: str = "rb", **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fsspec.filesystem("file").__class__, "open", full)
    with pytest.raises(UserError, match="No space left on device"):
        uris.write_bytes(tmp_path / "x", b"x")


def test_a_missing_name_says_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(UserError, match=r"Did you mean 'metrics\.jsonl'"):
        uris.read_bytes(tmp_path / "metric.jsonl")


def test_versions_are_split_off(tmp_path: Path) -> None:
    assert uris.split_version("runs/a:v12") == ("runs/a", 12)
    assert uris.split_version("runs/a:latest") == ("runs/a", None)
    assert uris.split_version("runs/a") == ("runs/a", None)
    assert uris.split_version("s3://bucket/a:v3") == ("s3://bucket/a", 3)
    assert uris.split_version("s3://bucket:latest") == ("s3://bucket", None)
    assert uris.split_version("s3://bucket") == ("s3://bucket", None)
    (tmp_path / "run:fine").mkdir()
    assert uris.split_version(tmp_path / "run:fine") == (str(tmp_path / "run:fine"), None)
    with pytest.raises(UserError, match="Did you mean 'latest'"):
        uris.split_version("runs/a:lates")


def test_a_missing_version_names_the_nearest() -> None:
    assert uris.choose_version("run", None, [3, 12, 7]) == 12
    assert uris.choose_version("run", 7, [3, 12, 7]) == 7
    with pytest.raises(UserError, match=r"no version v9; the nearest is v7, the newest v12"):
        uris.choose_version("run", 9, [3, 12, 7])
    with pytest.raises(UserError, match="no complete checkpoint"):
        uris.choose_version("run", None, [])


def test_only_uris_of_other_places_are_remote(tmp_path: Path) -> None:
    assert not uris.is_remote(tmp_path) and not uris.is_remote(f"file://{tmp_path}")
    assert uris.local_path(f"file://{tmp_path}") == tmp_path and uris.local_path("runs/a") == Path("runs/a")
    assert uris.is_remote("memory://a")
    with pytest.raises(UserError, match="a path or a file:// URI"):
        uris.local_path("memory://a")
