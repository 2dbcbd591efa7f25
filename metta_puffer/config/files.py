"""Reading a configuration file as text, with every way it can fail said in one message."""

from pathlib import Path

from metta_puffer.errors import UserError, did_you_mean

_PACKAGE = Path(__file__).parents[1]
# Beside the package in a checkout; inside it where a wheel was installed (CMakeLists.txt puts them there).
CONFIGS = next(
    (folder for folder in (_PACKAGE.parent / "configs", _PACKAGE / "_configs") if (folder / "native").is_dir()),
    _PACKAGE / "_configs",
)
LARGEST_FILE_BYTES = 1 << 20  # a config is a page; a larger file is something else


def read_text(path: str | Path) -> str:
    """Raises UserError when the file is missing, no file, too large, or no text."""
    path = Path(path)
    try:
        if path.is_dir():
            raise UserError("is a folder", remedy="give the file inside it", file=str(path))
        data = path.open("rb").read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            "no such file", remedy=f"check the path.{did_you_mean(path.name, beside)}", file=str(path)
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path itself
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot be read: {reason}", remedy="check the path and its rights", file=str(path)) from None
    if len(data) > LARGEST_FILE_BYTES:
        raise UserError("larger than 1 MiB", remedy="give a configuration file", file=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("is no UTF-8 text", remedy="save it as UTF-8", file=str(path), line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError("holds a null byte", remedy="give a text file", file=str(path), line=line)
    return text
