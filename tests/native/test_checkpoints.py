"""Versions are whole, verified, and hold no code."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from metta_puffer import uris
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.checkpoints import Checkpoint


def write(folder: Path, epoch: int, value: float = 1.0) -> Path:
    return checkpoints.save(folder, epoch, Checkpoint({"w": torch.full((3,), value)}, {"t": torch.ones(2)}, {"n": 7}))


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    loaded = checkpoints.load(write(tmp_path, 12))
    assert loaded.weights["w"].tolist() == [1, 1, 1] and loaded.tensors["t"].tolist() == [1, 1]
    assert loaded.state == {"n": 7}


def test_versions_are_in_order_and_resolve_to_the_newest(tmp_path: Path) -> None:
    for epoch in (9, 10, 2):
        write(tmp_path / "checkpoints", epoch)
    names = [path.name for path in checkpoints.versions(tmp_path / "checkpoints")]
    assert names == ["v000002", "v000009", "v000010"]
    for location in (tmp_path, tmp_path / "checkpoints", tmp_path / "checkpoints" / "v000010"):
        assert checkpoints.resolve(location) == str(tmp_path / "checkpoints" / "v000010")


def test_old_versions_go_when_only_some_are_kept(tmp_path: Path) -> None:
    for epoch in range(5):
        checkpoints.save(tmp_path, epoch, Checkpoint({"w": torch.ones(1)}), keep=2)
    assert [path.name for path in checkpoints.versions(tmp_path)] == ["v000003", "v000004"]


def test_writing_a_version_again_replaces_it(tmp_path: Path) -> None:
    write(tmp_path, 3)
    assert checkpoints.load(write(tmp_path, 3, 2.0)).weights["w"].tolist() == [2, 2, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["v000003"]


@pytest.mark.parametrize("name", [checkpoints.WEIGHTS, checkpoints.TENSORS, checkpoints.STATE])
def test_a_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    version = write(tmp_path, 1)
    content = bytearray((version / name).read_bytes())
    content[-1] ^= 1
    (version / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}.*checksum"):
        checkpoints.load(version)


def test_foreign_and_broken_manifests_are_refused(tmp_path: Path) -> None:
    version = write(tmp_path, 1)
    manifest = version / checkpoints.MANIFEST
    manifest.write_text(json.dumps({"format": "another"}))
    with pytest.raises(UserError, match="its format is 'another'"):
        checkpoints.load(version)
    manifest.write_text("not json")
    with pytest.raises(UserError, match="cannot be read"):
        checkpoints.load(version)
    (version / checkpoints.WEIGHTS).unlink()
    manifest.write_text(json.dumps({"format": checkpoints.FORMAT, "files": {}}))
    with pytest.raises(UserError, match=r"weights\.safetensors.*the file is missing"):
        checkpoints.load(version)


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no complete checkpoint"):
        checkpoints.resolve(tmp_path)


def test_a_half_written_version_is_never_seen_and_is_swept_away(tmp_path: Path) -> None:
    write(tmp_path, 1)
    half = tmp_path / ".writing-v000002-1"
    half.mkdir()
    (half / checkpoints.WEIGHTS).write_bytes(b"half")
    assert [path.name for path in checkpoints.versions(tmp_path)] == ["v000001"]
    write(tmp_path, 3)
    assert not half.exists()


def test_killed_between_setting_aside_and_replacing_keeps_the_old_version(tmp_path: Path) -> None:
    version = write(tmp_path, 1)
    version.rename(tmp_path / ".old-v000001-1")
    write(tmp_path, 2)
    assert [path.name for path in checkpoints.versions(tmp_path)] == ["v000001", "v000002"]


@pytest.fixture(params=["path", "file://", "memory://"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A run with versions 3, 7 and 12, in a place of each kind."""
    for epoch in (3, 7, 12):
        write(tmp_path / "run" / "checkpoints", epoch, float(epoch))
    remote = f"memory://{uuid.uuid4().hex}"
    uris.put(tmp_path / "run", remote)
    yield {"path": str(tmp_path / "run"), "file://": f"file://{tmp_path}/run", "memory://": remote}[request.param]
    uris.remove(remote)


def test_a_version_is_named_by_its_number_or_as_the_latest(run: str) -> None:
    for suffix, epoch in (("", 12), (":latest", 12), (":v7", 7), (":v3", 3)):
        for folder in (run, uris.join(run, "checkpoints")):
            version = checkpoints.resolve(folder + suffix)
            assert version == uris.join(run, "checkpoints", f"v{epoch:06d}")
            assert checkpoints.load(version).weights["w"].tolist() == [epoch] * 3
    assert checkpoints.resolve(uris.join(run, "checkpoints", "v000003")).endswith("v000003")
    assert [uris.name_of(version) for version in checkpoints.resolve_all(f"{run}:v3")] == [
        "v000003",
        "v000007",
        "v000012",
    ]


def test_a_version_that_is_not_there_names_the_nearest(run: str) -> None:
    with pytest.raises(
        UserError, match=f"no version v8; the nearest is v7, the newest v12(?s:.)*Remedy: write {run}:v7"
    ):
        checkpoints.resolve(f"{run}:v8")
    with pytest.raises(UserError, match="'newest' is no version"):
        checkpoints.resolve(f"{run}:newest")
    with pytest.raises(UserError, match="no complete checkpoint"):
        checkpoints.resolve(uris.join(run, "elsewhere"))


def test_a_version_without_its_manifest_is_passed_over(run: str) -> None:
    uris.remove(uris.join(run, "checkpoints", "v000012", checkpoints.MANIFEST))
    assert checkpoints.resolve(run).endswith("v000007")
    with pytest.raises(UserError, match="no version v12; the nearest is v7"):
        checkpoints.resolve(f"{run}:v12")
    assert len(checkpoints.resolve_all(run)) == 2


def test_damage_on_the_way_is_found(run: str, tmp_path: Path) -> None:
    version = checkpoints.resolve(run)
    weights = uris.join(version, checkpoints.WEIGHTS)
    uris.write_bytes(weights, uris.read_bytes(weights)[:-1] + b"?")
    with pytest.raises(UserError, match=r"weights\.safetensors.*checksum"):
        checkpoints.download(version, tmp_path / "copy")
    assert checkpoints.versions(tmp_path / "copy") == []


def test_an_upload_is_whole_only_with_its_manifest(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = uris.join(run, "checkpoints")
    order: list[str] = []
    put = uris.put

    def failing(path: Path, location: str) -> None:
        order.append(path.name)
        if path.name == checkpoints.STATE:
            raise UserError("no network", remedy="plug it in")
        put(path, location)

    version = write(tmp_path / "fresh", 12, 5.0)
    monkeypatch.setattr(uris, "put", failing)
    with pytest.raises(UserError, match="no network"):
        checkpoints.upload(version, folder)
    assert order[-1] == checkpoints.STATE and checkpoints.MANIFEST not in order
    assert checkpoints.resolve(run).endswith("v000007")  # version 12 of before is no more, and none is half of each
    monkeypatch.setattr(uris, "put", put)
    checkpoints.upload(version, folder)
    assert checkpoints.load(checkpoints.resolve(run)).weights["w"].tolist() == [5, 5, 5]


def test_uploads_keep_the_newest(run: str, tmp_path: Path) -> None:
    checkpoints.upload(write(tmp_path / "fresh", 20), uris.join(run, "checkpoints"), keep=2)
    assert uris.names(uris.join(run, "checkpoints")) == ["v000012", "v000020"]
    copy = checkpoints.download(f"{run}/checkpoints/v000020", tmp_path / "copy")
    assert copy == tmp_path / "copy" / "v000020" and checkpoints.load(copy).state == {"n": 7}


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_optimizer_state_survives(optimizer: type[torch.optim.Optimizer]) -> None:
    def stepped() -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
        parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        made = optimizer([parameter], lr=0.1)  # type: ignore[call-arg]
        for _ in range(3):
            made.zero_grad()
            parameter.square().sum().backward()
            made.step()
        return parameter, made

    parameter, made = stepped()
    tensors, described = checkpoints.flatten_optimizer(made.state_dict())
    copy = torch.nn.Parameter(parameter.detach().clone())
    restored = optimizer([copy], lr=0.5)  # type: ignore[call-arg]
    checkpoints.restore_optimizer(restored, tensors, json.loads(json.dumps(described)))
    for one, its in ((parameter, made), (copy, restored)):
        its.zero_grad()
        one.square().sum().backward()
        its.step()
    assert torch.equal(parameter, copy)
