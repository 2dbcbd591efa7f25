import pytest

from metta_puffer.errors import UserError
from metta_puffer.games import game_options, list_games, make_game


def test_every_game_is_made_with_its_defaults() -> None:
    assert "arena" in list_games()
    for name in list_games():
        config = make_game(name)
        assert make_game(name, **game_options(name)) == config
        assert not config.game.actions.change_vibe.enabled


def test_unknown_game_names_the_nearest() -> None:
    with pytest.raises(UserError, match="arena"):
        make_game("arenna")
