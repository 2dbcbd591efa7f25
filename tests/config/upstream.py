"""The published configuration files, written anew as test data where the originals are not at hand.

Only the keys on which sizes depend are kept, with the published values; texts and comments are not copied.
"""

DEFAULT_INI = """
[base]
env_name = None
policy_name = Policy
rnn_name = None
[vec]
backend = Multiprocessing
num_envs = 2
num_workers = auto
batch_size = auto
zero_copy = True
seed = 42
[train]
seed = 42
torch_deterministic = True
cpu_offload = False
device = cuda
optimizer = muon
anneal_lr = True
precision = float32
total_timesteps = 10_000_000
learning_rate = 0.015
gamma = 0.995
gae_lambda = 0.90
update_epochs = 1
clip_coef = 0.2
vf_coef = 2.0
vf_clip_coef = 0.2
max_grad_norm = 1.5
ent_coef = 0.001
adam_beta1 = 0.95
adam_beta2 = 0.999
adam_eps = 1e-12
data_dir = experiments
checkpoint_interval = 200
batch_size = auto
minibatch_size = 8192
max_minibatch_size = 32768
bptt_horizon = 64
compile = False
compile_mode = max-autotune-no-cudagraphs
compile_fullgraph = True
vtrace_rho_clip = 1.0
vtrace_c_clip = 1.0
prio_alpha = 0.8
prio_beta0 = 0.2
"""

METTA_2025_08_INI = """
[base]
package = metta
env_name = metta
policy_name = Policy
rnn_name = Recurrent
[vec]
num_envs = 64
num_workers = 16
[env]
render_mode = auto
ore_reward = 0.17088483842567775
[train]
total_timesteps = 300_000_000
batch_size = auto
adam_beta1 = 0.8923106632311335
gamma = 0.997950174315581
learning_rate = 0.018470110879570414
minibatch_size = 32768
bptt_horizon = 64
prio_alpha = 0.7918451491719373
prio_beta0 = 0.5852686803034238
"""

METTA_2025_09_INI = """
[base]
env_name = metta
policy_name = Policy
rnn_name = Recurrent
[vec]
num_envs = 64
num_workers = 16
[train]
total_timesteps = 10_000_000_000
batch_size = auto
optimizer = adam
learning_rate = 0.0003
minibatch_size = 32768
bptt_horizon = 64
prio_alpha = 0.0
prio_beta0 = 0.6
anneal_lr = True
target_kl = 0.01
"""

METTA_3_0_0_INI = """
[base]
env_name = metta
policy_name = Policy
rnn_name = Recurrent
[vec]
num_envs = 512
num_workers = 16
batch_size = 256
[train]
total_timesteps = 150_000_000
batch_size = 786432
max_minibatch_size = 32768
minibatch_size = 32768
"""

TRAINER_2025_08_YAML = """
num_workers: null
curriculum: ???
env_overrides: {}
checkpoint:
  checkpoint_dir: ${run_dir}/checkpoints
  checkpoint_interval: 50
simulation:
  replay_dir: s3://replays/${run}
total_timesteps: 10_000_000_000
optimizer:
  type: adam
  beta1: 0.9
  beta2: 0.999
  eps: 1e-12
  learning_rate: 0.000457
  weight_decay: 0
ppo:
  clip_coef: 0.1
  ent_coef: 0.0021
  gae_lambda: 0.916
  gamma: 0.977
  max_grad_norm: 0.5
  vf_clip_coef: 0.1
  vf_coef: 0.44
  l2_reg_loss_coef: 0
  norm_adv: true
  clip_vloss: true
  target_kl: null
prioritized_experience_replay:
  prio_alpha: 0.0
  prio_beta0: 0.6
vtrace:
  vtrace_rho_clip: 1.0
  vtrace_c_clip: 1.0
zero_copy: true
verbose: true
batch_size: 524288
minibatch_size: 16384
bptt_horizon: 64
update_epochs: 1
cpu_offload: false
compile: false
compile_mode: reduce-overhead
forward_pass_minibatch_target_size: 4096
async_factor: 2
scale_batches_by_world_size: false
hyperparameter_scheduler:
  learning_rate_schedule:
    initial_value: ${...optimizer.learning_rate}
"""
