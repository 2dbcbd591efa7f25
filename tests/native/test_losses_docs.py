"""The page on losses names all of them with their options and defaults."""

import re
from pathlib import Path

from metta_puffer.config.loss_options import OPTIONS

ROW = re.compile(r"^\| `(\w+)` \| .* \| (.*) \|$", re.MULTILINE)


def test_the_table_says_what_the_code_says() -> None:
    written = {
        name: {option: default for option, default in re.findall(r"`(\w+)`(?: \(([\d.]+)\))?", options)}
        for name, options in ROW.findall(Path("docs/losses.md").read_text())
    }
    defaults = {
        name: {option: None if field.is_required() else field.default for option, field in model.model_fields.items()}
        for name, model in OPTIONS.items()
    }
    expected = {
        name: {option: "" if default is None else f"{default:g}" for option, default in options.items()}
        for name, options in defaults.items()
    }
    assert written == expected
