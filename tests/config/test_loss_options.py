"""Mistakes in the losses of a file are named with their place, by the audit and by the trainer alike."""

from pathlib import Path

import pytest

from metta_puffer.config.loading import load_native
from metta_puffer.config.loss_options import OPTIONS, check_losses
from metta_puffer.config.plan import LossTermPlan
from metta_puffer.errors import UserError


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ("[{name: grop}]", ":2: trainer.losses = 'grop': no such loss. Did you mean 'grpo'"),
        ("[{name: grpo, options: {groupsize: 2}}]", "grpo.groupsize = 2: .*Did you mean 'group_size'"),
        ("[{name: grpo, options: {group_size: 1}}]", "grpo.group_size = 1: expected a whole number of at least 2"),
        ("[{name: dynamics}, {name: dynamics}]", "'dynamics': a loss is named twice"),
        ("[{name: kickstarter}]", "kickstarter.teacher: is missing"),
        ("[{name: sl_kickstarter, options: {teacher: x, every_epochs: 0}}]", "every_epochs = 0: expected a whole"),
        ("[{name: action_supervised, options: {teacher: x, lead: 2}}]", "lead = 2: expected a number from 0 to 1"),
        ("[{name: quantile_critic, options: {kappa: -1}}]", "kappa = -1: expected a number, 0 or more"),
        ("[{name: contrastive, options: {temperature: warm}}]", "temperature = 'warm': expected a number above 0"),
        ("[{name: stable_latent, options: {size: 3}}]", "its options are none"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, losses: str, said: str) -> None:
    file = tmp_path / "native.yaml"
    file.write_text(f"trainer:\n  losses: {losses}\n")
    with pytest.raises(UserError, match=said) as refused:
        load_native(file)
    assert str(refused.value).startswith(f"{file}:2: trainer.losses")


def test_every_loss_has_described_options_that_its_defaults_satisfy() -> None:
    for name, options in OPTIONS.items():
        needed = {key: "some/run" for key, field in options.model_fields.items() if field.is_required()}
        assert set(needed) <= {"teacher"}
        [(found, chosen)] = check_losses([LossTermPlan(name=name, options=needed)]).items()
        assert found == name and options.model_validate(chosen.model_dump()) == chosen
        assert all(field.description for field in options.model_fields.values())
