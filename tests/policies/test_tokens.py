"""The feature grid, cell by cell."""

from math import log1p

import torch

from metta_puffer.policies.tokens import Feature, TokenChannels, TokenGrid


def grid_of(*tokens: tuple[int, int, int]) -> tuple[TokenGrid, torch.Tensor, torch.Tensor]:
    features = [Feature(0, "tag", 10), Feature(1, "inv:ore", 256), Feature(2, "lp:east", 255), Feature(3, "vibe", 5)]
    module = TokenGrid(TokenChannels.of(features, ["wall", "altar"], num_actions=2), 5, 7)
    grid, globals_ = module(torch.tensor([tokens], dtype=torch.uint8))
    return module, grid, globals_


def test_each_token_lands_in_its_cell_and_channel() -> None:
    module, grid, globals_ = grid_of((0x23, 0, 1), (0x23, 1, 4), (0x46, 3, 5), (0xFE, 2, 51), (0xFF, 0, 1))
    channel = module.channels.grid.index
    expected = torch.zeros(1, 4, 5, 7)
    expected[0, channel("tag:altar"), 2, 3] = 1
    expected[0, channel("inv:ore"), 2, 3] = log1p(4) / log1p(255)
    expected[0, channel("vibe"), 4, 6] = 1.0
    torch.testing.assert_close(grid, expected)
    torch.testing.assert_close(globals_, torch.tensor([[0.2]]))


def test_what_has_no_place_is_dropped() -> None:
    # Row 5 and column 7 lie outside, tag 2 and feature 9 are unknown, a global token of a cell feature has no cell.
    _, grid, globals_ = grid_of((0x53, 1, 1), (0x37, 1, 1), (0x00, 0, 2), (0x00, 9, 1), (0xFE, 1, 3))
    assert not grid.any() and not globals_.any()


def test_several_tags_in_one_cell_all_show() -> None:
    module, grid, _ = grid_of((0x11, 0, 0), (0x11, 0, 1))
    assert grid[
        0, [module.channels.grid.index("tag:wall"), module.channels.grid.index("tag:altar")], 1, 1
    ].tolist() == [1, 1]


def test_an_empty_observation_is_all_zero() -> None:
    _, grid, globals_ = grid_of((0xFF, 0xFF, 0xFF), (0xFF, 1, 1))
    assert not grid.any() and not globals_.any()
