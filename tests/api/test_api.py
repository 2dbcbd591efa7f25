"""The library face: the native trainer's parts in a loop of one's own."""

import math
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from examples import api_quickstart
from metta_puffer import uris
from metta_puffer.api import (
    Agent,
    Environment,
    Experience,
    Kickstarter,
    Losses,
    Optimizer,
    PolicyStore,
    TrainerConfig,
    accumulate_rollout_stats,
    calculate_anneal_beta,
    compute_advantage,
    perform_rollout_step,
    process_minibatch_update,
    setup_run_directories,
)
from metta_puffer.config.loading import load_native
from metta_puffer.config.resolver import resolve_native
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.trainer import train
from metta_puffer.native.update import DivergedError
from tests.native.toys import ListSink

SMALL = {"name": "small", "hidden_size": 8, "conv_channels": 2}
SIZES = {"batch_size": 64, "minibatch_size": 32, "bptt_horizon": 8}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def env() -> Iterator[Environment]:
    made = Environment(num_agents=2, num_envs=4, async_factor=2, max_steps=10)
    yield made
    made.close()


def experience_of(env: Environment, agent: Agent, **changes: Any) -> Experience:
    spaces = {"obs_space": env.single_observation_space, "atn_space": env.single_action_space}
    own = {"total_agents": env.num_agents, "device": "cpu", "hidden_size": agent.hidden_size}
    return Experience(**{**SIZES, **spaces, **own, **changes})


def store_in(folder: Path, **settings: Any) -> PolicyStore:
    return PolicyStore({"device": "cpu", "trainer": {"checkpoint": {"checkpoint_dir": folder}}, **settings})


def fill(agent: Agent, env: Environment, experience: Experience) -> torch.Tensor:
    """Collects a buffer, and gives its advantages."""
    while not experience.ready_for_training:
        perform_rollout_step(agent, env, experience, "cpu")
    trainer = experience.trainer_config
    return compute_advantage(
        experience.values,
        experience.rewards,
        experience.dones,
        torch.ones_like(experience.values),
        torch.zeros_like(experience.values),
        trainer.ppo.gamma,
        trainer.ppo.gae_lambda,
        trainer.vtrace.vtrace_rho_clip,
        trainer.vtrace.vtrace_c_clip,
        "cpu",
    )


def test_a_loop_of_ones_own_learns_what_metta_native_learns(env: Environment, tmp_path: Path) -> None:
    trainer = TrainerConfig(total_timesteps=128, **SIZES, sampling="sequential", update_epochs=2)
    agent = Agent(env, **SMALL)
    experience = experience_of(env, agent, trainer_config=trainer)
    optimizer = Optimizer("adam", agent, trainer.optimizer.learning_rate)
    while experience.agent_steps < trainer.total_timesteps:
        advantages = fill(agent, env, experience)
        for _ in range(trainer.update_epochs):
            for minibatch in experience.iter_minibatches(advantages):
                optimizer.step(process_minibatch_update(agent, experience, minibatch, advantages, trainer))

    settings = {f"trainer.{name}": value for name, value in {**SIZES, "total_timesteps": 128}.items()}
    plan = resolve_native(
        "configs/native/metta.yaml",
        settings
        | {f"policy.{name}": value for name, value in SMALL.items()}
        | {"env.num_agents": 2, "env.max_steps": 10, "device": "cpu"}
        | {"trainer.forward_pass_minibatch_target_size": 4, "trainer.num_workers": 1}
        | {"trainer.sampling": "sequential", "trainer.update_epochs": 2},
        run_dir=str(tmp_path),
    )
    train(plan, ListSink())
    weights = checkpoints.load(checkpoints.resolve(tmp_path)).weights
    assert len(weights) > 5
    for name, tensor in agent.policy.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], msg=name)


def test_the_quick_start_runs_and_leaves_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_dir = api_quickstart.main(total_timesteps=512, batch_size=256, minibatch_size=128)
    assert "512 agent-steps" in capsys.readouterr().out
    monkeypatch.undo()
    loaded = load_native(tmp_path / run_dir / "config.yaml")
    assert loaded.model.trainer.total_timesteps == 512 and not loaded.unread
    checkpoint = checkpoints.load(checkpoints.resolve(f"{tmp_path / run_dir}:v2"))
    assert checkpoint.state["metadata"] == {"agent_step": 512, "epoch": 2}


def test_a_full_buffer_is_trained_on_and_then_filled_anew(env: Environment) -> None:
    agent = Agent(env, **SMALL)
    experience = experience_of(env, agent)
    assert not experience.ready_for_training
    with pytest.raises(RuntimeError, match="perform_rollout_step first"):
        _ = experience.values
    advantages = fill(agent, env, experience)
    assert experience.agent_steps == 64 and advantages.shape == experience.values.shape == (8, 8)
    with pytest.raises(UserError, match="the buffer is full"):
        perform_rollout_step(agent, env, experience)
    assert len(list(experience.iter_minibatches())) == experience.num_minibatches == 2
    assert not experience.ready_for_training
    steps, _ = perform_rollout_step(agent, env, experience)
    assert steps == 4 and experience.rollouts == 2
    experience.reset_for_rollout()
    perform_rollout_step(agent, env, experience)
    assert experience.rollouts == 3


def test_every_row_once_without_advantages_and_drawn_with_them(env: Environment) -> None:
    agent = Agent(env, **SMALL)
    experience = experience_of(env, agent)
    fill(agent, env, experience)
    assert [one.rows for one in experience.iter_minibatches()] == [slice(0, 4), slice(4, 8)]
    advantages = torch.zeros(8, 8)
    advantages[[0, 2, 5, 6]] = 1e3
    drawn = experience.sample_minibatch(advantages, prio_alpha=4.0, prio_beta=0.5)
    assert isinstance(drawn.rows, torch.Tensor) and sorted(drawn.rows.tolist()) == [0, 2, 5, 6]
    # Each has priority 1/4, so its weight is (8 rows / 4) ** -0.5.
    torch.testing.assert_close(drawn.weights, torch.full((4, 1), 2**-0.5), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 60}, "batch_size = 60"),
        ({"batch_size": 96}, r"multiple of 64 \(agents x bptt_horizon\)"),
        ({"minibatch_size": 12}, "minibatch_size = 12"),
        ({"hidden_size": 512}, "hidden_size=agent.hidden_size"),
        ({"total_agents": 4}, "give env.num_agents"),
        ({"obs_space": None}, "env.single_observation_space"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(env: Environment, changes: dict[str, Any], said: str) -> None:
    agent = Agent(env, **SMALL)
    with pytest.raises(UserError, match=said):
        perform_rollout_step(agent, env, experience_of(env, agent, **changes))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Environment(curriculum_path="/env/navigation/bucketed"), 'Environment(game="navigation"'),
        (lambda: Environment(width=32, height=16), "rooms are square"),
        (lambda: Environment(num_envs=3, async_factor=2), "a divisor of num_envs"),
        (lambda: Environment(game="arenna"), "Did you mean 'arena'?"),
        (lambda: TrainerConfig(batchsize=4), "Did you mean 'trainer.batch_size'?"),
        (lambda: TrainerConfig(ppo={"gama": 0.9}), "Did you mean 'trainer.ppo.gamma'?"),
        (lambda: TrainerConfig(update_epochs=0), "trainer.update_epochs"),
        (lambda: PolicyStore({"device": "cpu"}), "trainer: is missing"),
        (lambda: PolicyStore({}, wandb_run=object()), "Weights & Biases"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(make: Any, said: str) -> None:
    with pytest.raises(UserError) as error:
        make()
    assert said in str(error.value)


def test_an_unknown_agent_or_optimizer_is_refused(env: Environment) -> None:
    with pytest.raises(UserError, match="Did you mean 'small'"):
        Agent(env, name="smal")
    with pytest.raises(UserError, match="policy 'fast' has no such option"):
        Agent(env, config={"device": "cpu", "agent": {"clip_range": 0.2}})
    agent = Agent(env, **SMALL)
    with pytest.raises(UserError, match="Did you mean 'adam'"):
        Optimizer("adan", agent, 0.1)
    with pytest.raises(UserError, match="use adam, adamw or muon"):
        Optimizer("adamw_schedulefree", agent, 0.1)


def test_accumulated_gradients_are_averaged_and_clipped(env: Environment) -> None:
    def stepped(losses: int) -> torch.Tensor:
        agent = Agent(env, **SMALL)
        weight = agent.policy.get_submodule("actor").weight
        optimizer = Optimizer("adam", agent, 0.1, max_grad_norm=1.0)
        optimizer.optimizer = torch.optim.SGD(agent.policy.parameters(), 0.1)
        before = weight.detach().clone()  # type: ignore[operator]
        for _ in range(losses):
            optimizer.step(3.0 * weight.sum(), accumulate_steps=losses)  # type: ignore[operator, arg-type]
        return (before - weight).detach()  # type: ignore[operator]

    once, twice = stepped(1), stepped(2)
    torch.testing.assert_close(once, twice)
    assert float(once.norm()) == pytest.approx(0.1, rel=1e-4)  # rate times the clipped norm


def test_a_gradient_that_is_not_finite_is_not_applied(env: Environment) -> None:
    agent = Agent(env, **SMALL)
    bias = agent.policy.get_submodule("actor").bias
    before = bias.detach().clone()  # type: ignore[operator]
    with pytest.raises(DivergedError, match="gradient norm is nan"):
        Optimizer("adam", agent, 0.1).step(float("nan") * bias.sum())  # type: ignore[operator, arg-type]
    assert torch.equal(bias.detach(), before)  # type: ignore[operator]


def test_policies_are_saved_and_come_back(env: Environment, tmp_path: Path) -> None:
    store = PolicyStore(
        {"device": "cpu", "policy_cache_size": 1, "trainer": {"checkpoint": {"checkpoint_dir": tmp_path}}}
    )
    agents = [Agent(env, **SMALL, seed=seed) for seed in (0, 1)]
    for epoch, agent in enumerate(agents):
        record = store.create_empty_policy_record(store.make_model_name(epoch))
        record.policy, record.metadata = agent, {"score": 0.5 + epoch}
        store.save(record)
    first = store.policy_record(f"{tmp_path}:v0")
    assert first.metadata == {"score": 0.5} and store.policy_record(f"file://{tmp_path}:v0") is not None
    newest = store.policy_record(tmp_path)
    assert newest.name == "v000001" and newest.uri == str(tmp_path / "v000001")
    assert store.policy_record(f"{tmp_path}:latest") is newest  # kept, and the older one is not
    assert store.policy_record(f"{tmp_path}:v0") is not first
    for record, agent in ((first, agents[0]), (newest, agents[1])):
        assert record.policy is not None
        for name, tensor in agent.policy.state_dict().items():
            assert torch.equal(tensor, record.policy.policy.state_dict()[name])
    remote = f"memory://{uuid.uuid4().hex}"
    uris.put(tmp_path, remote)
    assert store.policy_record(f"{remote}:v1").name == "v000001"
    uris.remove(remote)


def test_a_record_without_a_version_or_policy_is_refused(env: Environment, tmp_path: Path) -> None:
    store = store_in(tmp_path)
    record = store.create_empty_policy_record("mine")
    with pytest.raises(UserError, match="has no policy"):
        store.save(record)
    record.policy = Agent(env, **SMALL)
    with pytest.raises(UserError, match="make_model_name"):
        store.save(record)
    record.metadata = {"epoch": 7}
    assert store.save(record).uri == str(tmp_path / "v000007")
    with pytest.raises(UserError, match="no version v3; the nearest is v7"):
        store.policy_record(f"{tmp_path}:v3")


def test_a_kickstarted_agent_follows_its_teacher(env: Environment, tmp_path: Path) -> None:
    store = store_in(tmp_path)
    record = store.create_empty_policy_record("v1")
    record.policy = Agent(env, **SMALL, seed=1)
    store.save(record)
    agent, kickstarter, losses = Agent(env, **SMALL), Kickstarter(f"{tmp_path}:v1"), Losses()
    experience = experience_of(env, agent, kickstarter=kickstarter)
    advantages = fill(agent, env, experience)
    for minibatch in experience.iter_minibatches():
        process_minibatch_update(
            agent, experience, minibatch, advantages, experience.trainer_config, kickstarter=kickstarter, losses=losses
        )
    assert losses.minibatches_processed == 2 and losses.stats()["kickstarter"] > 0
    losses.zero()
    assert losses.stats() == {}
    other = Agent(env, **SMALL)
    with pytest.raises(UserError, match="filled by another agent"):
        process_minibatch_update(other, experience, minibatch, advantages, experience.trainer_config)
    with pytest.raises(UserError, match="the same kickstarter"):
        process_minibatch_update(
            agent, experience, minibatch, advantages, experience.trainer_config, kickstarter=Kickstarter(tmp_path)
        )


def test_advantages_of_one_row_by_hand() -> None:
    values, rewards = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[9.0, 1.0, 1.0]])
    dones, ratio, advantages = torch.zeros(1, 3), torch.ones(1, 3), torch.full((1, 3), 7.0)
    given = compute_advantage(values, rewards, dones, ratio, advantages, 0.5, 0.5, 1.0, 1.0, "cpu")
    last = 1 + 0.5 * 3 - 2
    first = 1 + 0.5 * 2 - 1 + 0.5 * 0.5 * last
    assert given is advantages and given[0].tolist() == [first, last, 0.0]


def test_small_helpers_by_hand(tmp_path: Path) -> None:
    assert calculate_anneal_beta(3, 1000, 100, prio_alpha=0.5, prio_beta0=0.6) == pytest.approx(
        0.6 + 0.4 * 0.5 * 3 / 10
    )
    stats: dict[str, list[float]] = {"a": [1.0]}
    accumulate_rollout_stats([{"a": [2.0, 3.0]}, {"b": 4}], stats)
    assert stats == {"a": [1.0, 2.0, 3.0], "b": [4.0]}
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        setup_run_directories("mine", str(tmp_path / "file"))
    assert math.isclose(TrainerConfig(ppo={"gamma": 0.5}).ppo.gamma, 0.5)
