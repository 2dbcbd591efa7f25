"""A run's directory at a URI: whatever moment a machine is lost at, what is there can be gone on with."""

import json

import pytest

from compare.remote import Mirror, fetch_measured
from metta_puffer import uris
from metta_puffer.errors import UserError


class Lost(Exception):
    """The machine is gone in the middle of copying."""


@pytest.fixture(params=["memory", "file"])
def uri(request, tmp_path):
    return f"memory://{tmp_path.name}/runs/puffer-seed0" if request.param == "memory" else f"file://{tmp_path}/there"


def train(folder, epochs):
    """What a trainer leaves after each of `epochs`: metrics, then a version whose manifest vouches for its weights."""
    for epoch in epochs:
        with (folder / "metrics.jsonl").open("a") as metrics:
            metrics.write(json.dumps({"epoch": epoch}) + "\n")
        version = folder / "checkpoints" / f"v{epoch}"
        version.mkdir(parents=True)
        (version / "weights").write_text(f"weights of {epoch}")
        (version / "manifest.json").write_text(json.dumps({"epoch": epoch}))
        (folder / f"model_{epoch}.pt").write_text(f"model of {epoch}")
        (folder / "resume_state.pt").write_text(f"{epoch}")


def check_consistent(folder):
    """Every state that vouches for something finds it there, and no metrics before it are missing."""
    metrics = folder / "metrics.jsonl"
    seen = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()] if metrics.exists() else []
    assert seen == list(range(1, len(seen) + 1))
    for manifest in folder.glob("checkpoints/*/manifest.json"):
        epoch = json.loads(manifest.read_text())["epoch"]
        assert (manifest.parent / "weights").read_text() == f"weights of {epoch}" and epoch in seen
    if (folder / "resume_state.pt").exists():
        epoch = int((folder / "resume_state.pt").read_text())
        assert (folder / f"model_{epoch}.pt").read_text() == f"model of {epoch}" and epoch in seen
    assert not (folder / "result.json").exists() or seen == [1, 2, 3, 4]


def test_a_directory_comes_back_as_it_was_without_drafts_locks_and_what_was_deleted(tmp_path, uri):
    here, there = tmp_path / "here", tmp_path / "back"
    here.mkdir()
    mirror = Mirror(here, uri)
    train(here, [1, 2])
    for name in (".draft", "lock", "resume_state.tmp"):
        (here / name).write_text("not to be copied")
    mirror.push()
    (here / "checkpoints/v1/manifest.json").unlink()
    (here / "checkpoints/v1/weights").unlink()
    mirror.push()
    there.mkdir()
    Mirror(there, uri).fetch()
    found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    assert found == {
        "metrics.jsonl",
        "model_1.pt",
        "model_2.pt",
        "resume_state.pt",
        "checkpoints/v2/manifest.json",
        "checkpoints/v2/weights",
    }
    check_consistent(there)


@pytest.mark.parametrize("lost_after", range(14))
def test_a_machine_lost_while_copying_leaves_a_state_to_go_on_from(tmp_path, uri, monkeypatch, lost_after):
    here, there = tmp_path / "here", tmp_path / "back"
    here.mkdir()
    there.mkdir()
    mirror = Mirror(here, uri)
    train(here, [1])
    mirror.push()
    train(here, [2, 3, 4])
    (here / "result.json").write_text("{}")
    write, left = uris.write_bytes, [lost_after]

    def write_until_lost(location, data):
        if left[0] == 0:
            raise Lost
        left[0] -= 1
        write(location, data)

    monkeypatch.setattr(uris, "write_bytes", write_until_lost)
    try:
        mirror.push()
    except Lost:
        pass
    else:
        assert lost_after >= 12  # 3 models, 3 versions of 2 files, metrics, resume state and result
    Mirror(there, uri).fetch()
    check_consistent(there)
    assert (there / "resume_state.pt").exists()


def test_measures_come_back_without_the_checkpoints(tmp_path, uri):
    here, there = tmp_path / "here", tmp_path / "back"
    here.mkdir()
    there.mkdir()
    train(here, [1])
    (here / "result.json").write_text("{}")
    Mirror(here, uri).push()
    fetch_measured(uri, there)
    assert {path.name for path in there.iterdir()} == {"metrics.jsonl", "result.json"}
    with pytest.raises(UserError):
        fetch_measured("no-such-scheme://x/y", there)
