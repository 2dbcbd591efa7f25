"""Policies as versions of a run folder: what `metta-native eval`, teachers and other stores read as well."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from metta_puffer import uris
from metta_puffer.api.agent import Agent
from metta_puffer.api.plan import batch_plan, run_plan
from metta_puffer.api.trainer_config import TrainerConfig
from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.checkpoints import Checkpoint


class PolicyRecord:
    """A policy, its name, what else is known of it (`metadata`, JSON), and where it is kept (`uri`, None: nowhere)."""

    def __init__(self, name: str, policy: Agent | None = None, uri: str | None = None) -> None:
        self.name, self.policy, self.uri = name, policy, uri
        self.metadata: dict[str, Any] = {}


class PolicyStore:
    """Saves policies into the folder `trainer.checkpoint.checkpoint_dir` of `cfg`, and loads them from any location.

    `cfg` has `device` and `policy_cache_size` (how many of the policies loaded last are kept) as well. Raises
    UserError for a setting that is missing, or a `wandb_run`: policies travel by URI.
    """

    def __init__(self, cfg: Mapping[str, Any], wandb_run: object | None = None) -> None:
        if wandb_run is not None:
            raise UserError(
                "policies are not kept at Weights & Biases",
                key="wandb_run",
                remedy="leave it out; a checkpoint is loaded by its path or URI",
            )
        try:
            self._device = str(cfg["device"])
            self._folder = uris.local_path(cfg["trainer"]["checkpoint"]["checkpoint_dir"])
        except KeyError as error:
            raise UserError(
                "is missing",
                key=str(error.args[0]),
                remedy='give {"device": ..., "trainer": {"checkpoint": {"checkpoint_dir": ...}}}',
            ) from error
        self._most_cached = int(cfg.get("policy_cache_size", 10))
        self._cached: OrderedDict[str, PolicyRecord] = OrderedDict()

    def make_model_name(self, epoch: int) -> str:
        return checkpoints.version_name(epoch)

    def create_empty_policy_record(self, name: str) -> PolicyRecord:
        """A record to be given a policy and metadata, then saved."""
        return PolicyRecord(name)

    def save(self, record: PolicyRecord) -> PolicyRecord:
        """Writes the record whole or not at all; gives it as it can be loaded again.

        Its version is the number in its name, where that is one of `make_model_name`'s, else `metadata["epoch"]`.
        Raises UserError for a record without either or without a policy, and where the folder cannot be written.
        """
        if record.policy is None:
            raise UserError("the record has no policy", key=record.name, remedy="set record.policy before saving")
        plan = record.policy.run_plan or _untrained(record.policy)
        state = {"plan": plan.model_dump(mode="json"), "metadata": record.metadata, "name": record.name}
        checkpoint = Checkpoint(record.policy.policy.state_dict(), state=state)
        try:
            version = checkpoints.save(self._folder, _version_of(record), checkpoint)
        except OSError as error:
            raise UserError(
                f"cannot be written ({error.strerror})",
                file=str(self._folder),
                remedy="check that you may write there, and that the disk has space",
            ) from error
        record.uri = str(version)
        return record

    def policy_record(self, location: uris.Location) -> PolicyRecord:
        """The policy at a run folder (the newest), RUN:vN, RUN:latest, a version's own folder, or a URI of these.

        Raises UserError where there is none, or where it is damaged.
        """
        version = checkpoints.resolve(location)
        if version in self._cached:
            self._cached.move_to_end(version)
            return self._cached[version]
        checkpoint = checkpoints.load(version)
        record = PolicyRecord(checkpoint.state.get("name", uris.name_of(version)), uri=version)
        record.policy = Agent.restored(checkpoints.plan_of(checkpoint, version), checkpoint.weights, self._device)
        record.metadata = checkpoint.state.get("metadata", {})
        self._cached[version] = record
        while len(self._cached) > self._most_cached:
            self._cached.popitem(last=False)
        return record


def _version_of(record: PolicyRecord) -> int:
    named = re.fullmatch(r"v(\d+)", record.name)
    version = int(named[1]) if named else record.metadata.get("epoch")
    if not isinstance(version, int):
        raise UserError(
            "says no version",
            key="name",
            value=record.name,
            remedy='name the record make_model_name(epoch), or set metadata["epoch"]',
        )
    return version


def _untrained(agent: Agent) -> RunPlan:
    trainer = TrainerConfig()
    return run_plan(trainer, agent, agent.env_plan, batch_plan(trainer, agent.env_plan))
