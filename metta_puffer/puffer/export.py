"""Weights out of a checkpoint, for use without PufferLib."""

import json
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.policies import build_policy
from metta_puffer.puffer.checkpoints import load_file, load_policy
from metta_puffer.puffer.train import seed_everything
from metta_puffer.puffer.vecenv import make_env


def export(plan: RunPlan, checkpoint: str | None, output: Path) -> None:
    """Writes OUTPUT.safetensors, OUTPUT.bin and OUTPUT.json.

    The .bin is PufferLib's own format: every parameter in order of definition, flat little-endian float32. The
    .json holds that order with shapes, the policy's settings and the game. Raises UserError when the checkpoint does
    not fit or the files cannot be written.
    """
    if checkpoint is not None:
        load_file(checkpoint)
    seed_everything(plan.seed)
    env = make_env(plan.env, seed=plan.env.seed)
    policy = build_policy(plan.policy, env)
    env.close()
    if checkpoint is not None:
        load_policy(policy, checkpoint)
    weights = {name: parameter.detach().cpu().contiguous() for name, parameter in policy.named_parameters()}
    description = {
        "checkpoint": checkpoint,
        "policy": plan.policy.model_dump(mode="json"),
        "game": plan.env.game,
        "game_options": plan.env.game_options,
        "agents_per_world": plan.env.agents_per_world,
        "observation_shape": list(env.single_observation_space.shape),
        "actions": int(env.single_action_space.n),
        "parameters": [{"name": name, "shape": list(tensor.shape)} for name, tensor in weights.items()],
    }
    flat = np.concatenate([tensor.numpy().ravel() for tensor in weights.values()]).astype("<f4")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        save_file(policy.state_dict(), f"{output}.safetensors")
        flat.tofile(f"{output}.bin")
        Path(f"{output}.json").write_text(json.dumps(description, indent=2) + "\n")
    except (OSError, RuntimeError) as error:  # safetensors reports a missing right as its own RuntimeError
        raise UserError(
            f"cannot be written ({error})", file=str(output), key="--output", remedy="choose a folder you may write to"
        ) from error
    print(f"{flat.size} weights written to {output}.safetensors, {output}.bin and {output}.json")
