"""Token by token."""

import torch

from metta_puffer.policies.token_embedding import TokenEmbedding
from metta_puffer.policies.tokens import Feature, TokenChannels

FEATURES = [Feature(0, "tag", 10), Feature(1, "inv:ore", 256), Feature(2, "lp:east", 255), Feature(3, "vibe", 5)]
CHANNELS = TokenChannels.of(FEATURES, ["wall", "altar"], num_actions=2)


def embedded(*tokens: tuple[int, int, int], max_tokens: int = 8) -> tuple[TokenEmbedding, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    module = TokenEmbedding(CHANNELS, 5, 7, embedding_size=3, frequencies=2, max_tokens=max_tokens)
    vectors, present = module(torch.tensor([tokens], dtype=torch.uint8))
    return module, vectors[0], present[0]


def test_a_vector_says_what_where_and_how_much() -> None:
    module, vectors, present = embedded((0x16, 3, 5), (0xFE, 2, 51))
    assert present.tolist() == [True, True]
    vibe, east = CHANNELS.grid.index("vibe"), len(CHANNELS.grid) + CHANNELS.globals.index("lp:east")
    row, column = torch.tensor([-0.5, -1.0]), torch.tensor([1.0, 2.0])  # row 1 of 5, column 6 of 7
    where = torch.cat([row.cos(), row.sin(), column.cos(), column.sin()])
    torch.testing.assert_close(vectors[0], torch.cat([module.embedding.weight[vibe], where, torch.ones(1)]))
    expected = torch.cat([module.embedding.weight[east], torch.zeros(8), torch.tensor([0.2])])
    torch.testing.assert_close(vectors[1], expected)


def test_what_has_no_place_is_absent() -> None:
    _, vectors, present = embedded((0x53, 1, 1), (0x37, 1, 1), (0x00, 0, 2), (0x00, 9, 1), (0xFE, 1, 3), (0xFF, 0, 1))
    assert not present.any() and not vectors.any()


def test_of_too_many_tokens_the_global_and_the_nearest_stay() -> None:
    tokens = [(0x00, 3, 1), (0x23, 0, 0), (0xFF, 3, 1), (0x46, 3, 1), (0xFE, 2, 51), (0x24, 1, 1)]
    module, vectors, present = embedded(*tokens, max_tokens=3)
    assert present.all() and len(present) == 3
    alone = module(torch.tensor([[tokens[1], tokens[4], tokens[5]]], dtype=torch.uint8))[0][0]
    torch.testing.assert_close(vectors[vectors[:, -1].argsort()], alone[alone[:, -1].argsort()])
