"""A pair of configuration files for an arena so small that a run takes seconds."""

from pathlib import Path

PUFFER = """
[base]
env_name = tiny
policy_name = small
rnn_name = Recurrent
[vec]
backend = PufferEnv
num_envs = 1
num_workers = 1
batch_size = 1
[env]
game = arena
num_agents = 2
num_worlds = 2
max_steps = 16
room_size = 7
num_tokens = 100
[train]
bptt_horizon = 8
minibatch_size = 16
checkpoint_interval = 2
"""

NATIVE = """
env: {game: arena, num_agents: 2, max_steps: 16, room_size: 7, num_tokens: 100}
policy: {name: small, recurrent: true}
trainer:
  batch_size: 32
  minibatch_size: 16
  bptt_horizon: 8
  forward_pass_minibatch_target_size: 2
  async_factor: 2
  num_workers: 1
"""


def write_configs(folder: Path) -> list[str]:
    """The command line's first arguments."""
    (folder / "tiny.ini").write_text(PUFFER)
    (folder / "tiny.yaml").write_text(NATIVE)
    return ["--puffer", str(folder / "tiny.ini"), "--native", str(folder / "tiny.yaml")]
