"""What every policy owes both trainers."""

import pytest
import torch

from metta_puffer.config.plan import PolicyPlan
from metta_puffer.errors import UserError
from metta_puffer.policies import POLICIES, build_policy
from metta_puffer.policies.tokens import TokenChannels
from tests.policies.games import FEATURES, TAGS, game_env, random_tokens

NAMES = sorted(POLICIES)
REMEMBERING = [name for name in NAMES if name != "memory-free"]


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def policy_of(name: str, **game: object) -> torch.nn.Module:
    return build_policy(PolicyPlan(name=name), game_env(**game))  # type: ignore[arg-type]


def rollout(policy: torch.nn.Module, tokens: torch.Tensor, resets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Step by step over [rows, T], zeroing the state of the rows that begin an episode."""
    state: dict[str, torch.Tensor] = {}
    logits, values = [], []
    for t in range(tokens.shape[1]):
        for key in ("lstm_h", "lstm_c"):
            if key in state:
                state[key] = state[key] * (resets[:, t] == 0).float()[:, None]
        logit, value = policy.forward_eval(tokens[:, t], state)
        logits.append(logit)
        values.append(value)
    return torch.stack(logits, 1), torch.cat(values, 1)


@pytest.mark.parametrize("name", NAMES)
def test_shapes(name: str) -> None:
    policy, tokens = policy_of(name), random_tokens(torch.Generator().manual_seed(1), 2, 3)
    logits, values = policy(tokens, {"lstm_h": None, "lstm_c": None})
    assert logits.shape == (6, 5) and values.shape == (2, 3)
    state: dict[str, torch.Tensor] = {}
    logits, values = policy.forward_eval(tokens[:, 0], state)
    assert logits.shape == (2, 5) and values.shape == (2, 1)
    assert policy.recurrent == (name in REMEMBERING)
    if policy.recurrent:
        assert state["lstm_h"].shape == state["lstm_c"].shape == (2, policy.hidden_size)
        assert state["lstm_h"].dtype == state["lstm_c"].dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_without_recurrence_steps_do_not_depend_on_each_other(name: str) -> None:
    policy = build_policy(PolicyPlan(name=name, recurrent=False), game_env())
    tokens = random_tokens(torch.Generator().manual_seed(9), 2, 3)
    logits, values = policy(tokens, {})
    assert logits.shape == (6, 5) and values.shape == (2, 3)
    flat_logits, flat_values = policy(tokens.flatten(0, 1), {"lstm_h": None})  # as PuffeRL passes them
    assert flat_values.shape == (6, 1) and torch.equal(flat_logits, logits)
    alone, _ = policy.forward_eval(tokens[1, :1], {})
    torch.testing.assert_close(alone[0], logits[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_padding_tokens_mean_nothing(name: str) -> None:
    generator = torch.Generator().manual_seed(2)
    tokens = random_tokens(generator, 4, 2)
    poisoned = tokens.clone()
    padding = poisoned[..., 0] == 0xFF
    garbage = torch.randint(0, 256, (int(padding.sum()), 2), generator=generator).to(torch.uint8)
    poisoned[..., 1:][padding] = garbage
    policy = policy_of(name)
    assert torch.equal(policy(tokens, {})[0], policy(poisoned, {})[0])
    # Padding in front of and between real tokens, too.
    spread = torch.cat([poisoned[..., 30:, :], tokens[..., :10, :], poisoned[..., 30:, :], tokens[..., 10:30, :]], -2)
    torch.testing.assert_close(policy(spread, {})[0], policy(tokens, {})[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_tokens_means_nothing(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    tokens = random_tokens(generator, 4, 2)
    shuffled = tokens[..., torch.randperm(tokens.shape[-2], generator=generator), :]
    policy = policy_of(name)
    torch.testing.assert_close(policy(shuffled, {})[0], policy(tokens, {})[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(policy(shuffled, {})[1], policy(tokens, {})[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_real_token_means_something(name: str) -> None:
    tokens = random_tokens(torch.Generator().manual_seed(4), 1, 1)
    tag = FEATURES.index(("tag", 10.0))
    tokens[0, 0, 0] = torch.tensor([5 << 4 | 4, tag, 1], dtype=torch.uint8)
    other = tokens.clone()
    other[0, 0, 0, 2] = 2
    policy = policy_of(name)
    assert not torch.equal(policy(tokens, {})[1], policy(other, {})[1])


@pytest.mark.parametrize("name", NAMES)
def test_step_by_step_agrees_with_the_sequence(name: str) -> None:
    tokens = random_tokens(torch.Generator().manual_seed(5), 3, 8)
    resets = torch.zeros(3, 8)
    resets[0, 0] = resets[1, 3] = resets[2, 3] = resets[2, 7] = 1
    policy = policy_of(name)
    logits, values = policy(tokens, {"resets": resets})
    step_logits, step_values = rollout(policy, tokens, resets)
    torch.testing.assert_close(logits.view(3, 8, -1), step_logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(values, step_values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", REMEMBERING)
def test_a_reset_forgets_what_was_before_it(name: str) -> None:
    generator = torch.Generator().manual_seed(6)
    tokens = random_tokens(generator, 1, 6)
    other = tokens.clone()
    other[:, :4] = random_tokens(generator, 1, 4)
    resets = torch.zeros(1, 6)
    resets[0, 4] = 1
    policy = policy_of(name)
    values, other_values = (policy(t, {"resets": resets})[1] for t in (tokens, other))
    assert torch.equal(values[:, 4:], other_values[:, 4:])
    assert not torch.equal(policy(tokens, {})[1][:, 4:], policy(other, {})[1][:, 4:])


@pytest.mark.parametrize("name", NAMES)
def test_ids_of_another_game_are_met_by_name(name: str) -> None:
    """The same weights in a game whose feature and tag ids are shuffled see the same world."""
    new_of_old = [3, 0, 7, 1, 6, 2, 5, 4]
    features = [FEATURES[new_of_old.index(i)] for i in range(len(FEATURES))]
    tags = ["type:altar", "type:wall", "type:agent"]
    policy = policy_of(name)
    env = game_env(features=features, tags=tags)
    moved = build_policy(PolicyPlan(name=name), env, channels=TokenChannels.of_env(game_env()))
    moved.load_state_dict(policy.state_dict())
    tokens = random_tokens(torch.Generator().manual_seed(7), 2, 2)
    renamed = tokens.clone()
    used = tokens[..., 0] != 0xFF
    renamed[..., 1][used] = torch.tensor(new_of_old, dtype=torch.uint8)[tokens[..., 1][used].long()]
    is_tag = used & (tokens[..., 1] == 3) & (tokens[..., 2] < 3)
    tag_ids = torch.tensor([tags.index(tag) for tag in TAGS], dtype=torch.uint8)
    renamed[..., 2][is_tag] = tag_ids[tokens[..., 2][is_tag].long()]
    torch.testing.assert_close(moved(renamed, {})[0], policy(tokens, {})[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_trained(name: str) -> None:
    policy = policy_of(name)
    logits, values = policy(random_tokens(torch.Generator().manual_seed(8), 40, 3), {})
    (logits.square().sum() + values.square().sum()).backward()
    untouched = [n for n, p in policy.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert untouched == []


def test_the_registry_is_complete() -> None:
    vits = ["vit-medium", "vit-small", "vit-tiny"]
    assert ["cortex", "fast", "lstm", "mamba", "memory-free", "small", *vits] == NAMES


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"policy.name = 'smal'.*Did you mean 'small'"):
        build_policy(PolicyPlan(name="smal"), game_env())
    with pytest.raises(UserError, match=r"policy.hidden_sise = 3.*Did you mean 'hidden_size'"):
        build_policy(PolicyPlan(name="small", options={"hidden_sise": 3}), game_env())
