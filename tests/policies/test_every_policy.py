"""More that every registered policy owes: what it says of itself, what it is given and how it is compiled."""

import re
from copy import deepcopy

import pytest
import torch

from metta_puffer.config.plan import PolicyPlan
from metta_puffer.errors import UserError
from metta_puffer.policies import POLICIES, build_policy
from metta_puffer.policies.tokens import TokenChannels
from tests.policies.games import game_env, random_tokens

NAMES = sorted(POLICIES)
# The game that docstrings count parameters for.
COUNTED = TokenChannels(tuple(f"grid{i}" for i in range(30)), tuple(f"global{i}" for i in range(20)), (), ())
SLACK = {"": 0, "k": 500, "M": 50_000}  # half of the last digit stated: 1 for exact counts, 58 k, 2.4 M


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_counts_the_parameters(name: str) -> None:
    said = re.search(r"([\d,.]+) ?([kM]?) parameters", (POLICIES[name].__doc__ or "").replace("\n", " "))
    assert said, "states no number of parameters"
    number = float(said[1].replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6}[said[2]]
    policy = POLICIES[name](COUNTED, 11, 11, 9)  # type: ignore[call-arg]
    assert abs(sum(p.numel() for p in policy.parameters()) - number) <= SLACK[said[2]]


@pytest.mark.parametrize("name", NAMES)
def test_the_amount_of_padding_means_nothing(name: str) -> None:
    """Also where there are more slots than a policy takes tokens."""
    tokens = random_tokens(torch.Generator().manual_seed(1), 3, 2)
    policy = build_policy(PolicyPlan(name=name), game_env())
    longer = torch.cat([torch.full((3, 2, 200, 3), 0xFF, dtype=torch.uint8), tokens], dim=-2)
    for short, long in zip(policy(tokens, {}), policy(longer, {}), strict=True):
        torch.testing.assert_close(long, short, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_observation_has_an_answer(name: str) -> None:
    policy = build_policy(PolicyPlan(name=name), game_env())
    empty = torch.full((2, 3, 40, 3), 0xFF, dtype=torch.uint8)
    logits, values = policy(empty, {})
    assert logits.isfinite().all() and values.isfinite().all()
    (logits.sum() + values.sum()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in policy.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_row_may_start_from_what_was_before(name: str) -> None:
    """One row of 6 is a row of 2 and one of 4 that starts from its state, as stored rows do."""
    tokens = random_tokens(torch.Generator().manual_seed(2), 2, 6)
    policy = build_policy(PolicyPlan(name=name), game_env())
    _, values = policy(tokens, {})
    state: dict[str, torch.Tensor] = {}
    policy(tokens[:, :2], state)
    _, later = policy(tokens[:, 2:], state)
    torch.testing.assert_close(later, values[:, 2:], rtol=1e-5, atol=1e-5)
    assert all(not tensor.requires_grad for key, tensor in state.items() if key.startswith("lstm_"))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_comes_near_float32(name: str) -> None:
    tokens = random_tokens(torch.Generator().manual_seed(3), 2, 3)
    policy = build_policy(PolicyPlan(name=name), game_env())
    _, values = policy(tokens, {})
    state: dict[str, torch.Tensor] = {}
    with torch.autocast("cpu", torch.bfloat16):
        _, rough = policy(tokens, {})
        for t in range(2):
            policy.forward_eval(tokens[:, t], state)  # what the state became is read again
    torch.testing.assert_close(rough.float(), values, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_a_policy_of_its_own(name: str) -> None:
    """Stepping reads the weights of the copy, as its sequences do."""
    policy = build_policy(PolicyPlan(name=name), game_env())
    tokens = random_tokens(torch.Generator().manual_seed(5), 2, 1)
    copy = deepcopy(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
        torch.testing.assert_close(copy.forward_eval(tokens[:, 0], {})[1], copy(tokens, {})[1], rtol=1e-5, atol=1e-5)
    assert copy.forward_eval(tokens[:, 0], {})[1].any()


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_compiled_it_computes_the_same(name: str) -> None:
    torch._dynamo.reset()
    tokens = random_tokens(torch.Generator().manual_seed(4), 2, 3)
    policy = build_policy(PolicyPlan(name=name), game_env())
    resets = torch.zeros(2, 3)
    resets[1, 1] = 1
    logits, values = policy(tokens, {"resets": resets})
    gradients = torch.autograd.grad(values.sum(), policy.critic.weight)
    # As one graph, which PuffeRL asks for by default.
    compiled_logits, compiled_values = torch.compile(policy, fullgraph=True)(tokens, {"resets": resets})
    torch.testing.assert_close(compiled_logits, logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(compiled_values, values, rtol=1e-5, atol=1e-5)
    compiled = torch.autograd.grad(compiled_values.sum(), policy.critic.weight)
    torch.testing.assert_close(compiled, gradients, rtol=1e-4, atol=1e-4)

    act, eager_state, state = torch.compile(policy.forward_eval, fullgraph=True), {}, {}  # type: ignore[var-annotated]
    for t in range(2):
        _, value = policy.forward_eval(tokens[:, t], eager_state)
        torch.testing.assert_close(act(tokens[:, t], state)[1], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["big", 0, -64, 1.5, True])
def test_a_size_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(UserError, match=f"policy.hidden_size = {value!r}.*whole number above 0"):
        build_policy(PolicyPlan(name=name, options={"hidden_size": value}), game_env())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cortex", {"columns": "lstm, slstn"}, ["policy.columns", "'slstn'", "Did you mean 'slstm'?"]),
        ("cortex", {"columns": "lstm+"}, ["policy.columns", "no such cell: ''", "mlstm"]),
        ("cortex", {"columns": 3}, ["policy.columns = 3", "a text"]),
        ("cortex", {"hidden_size": 30}, ["policy.hidden_size = 30", "multiple of 4", "nearest that fits is 32"]),
        ("cortex", {"memry": 3}, ["policy.memry", "Did you mean 'memory'?"]),
        ("mamba", {"hidden_size": 60}, ["policy.hidden_size = 60", "multiple of 8", "nearest that fits is 64"]),
    ],
)
def test_what_cannot_be_built_is_explained(name: str, options: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        build_policy(PolicyPlan(name=name, options=options), game_env())
    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize("name", ["vit-tinny", "mambo", "memory_free", "lstn"])
def test_a_policy_with_a_typo_is_refused_with_the_nearest(name: str) -> None:
    nearest = {"vit-tinny": "vit-tiny", "mambo": "mamba", "memory_free": "memory-free", "lstn": "lstm"}[name]
    with pytest.raises(UserError, match=f"policy.name = {name!r}.*Did you mean {nearest!r}"):
        build_policy(PolicyPlan(name=name), game_env())
