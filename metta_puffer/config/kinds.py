"""The kinds of value a key may take, each with the words an error message and --help use for it."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.fields import FieldInfo

LARGEST = 2**63 - 1  # what a counter of either trainer can hold


@dataclass(frozen=True)
class Kind:
    text: str


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return value


def _truth(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("a number is no truth value")
    return value


Count = Annotated[int, Field(ge=1, le=LARGEST), BeforeValidator(_number), Kind("a whole number of at least 1")]
Index = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_number), Kind("a whole number of at least 0")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number), Kind("a number above 0")]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number), Kind("a number, 0 or more")]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_number), Kind("a number from 0 to 1")]
Switch = Annotated[bool, BeforeValidator(_truth), Kind("true or false")]
Text = Annotated[str, Kind("text")]


def kind_text(annotation: Any, metadata: Any = ()) -> str:
    """The words for an annotation: 'a whole number of at least 1, or auto'."""
    for item in metadata:
        if isinstance(item, Kind):
            return item.text
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *rest = get_args(annotation)
        return kind_text(base, rest)
    if origin is Literal:
        return " or ".join(str(choice) for choice in get_args(annotation))
    if origin in (Union, types.UnionType):
        return ", or ".join(kind_text(choice) for choice in get_args(annotation))
    if annotation is type(None):
        return "none"
    return getattr(annotation, "__name__", str(annotation))


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every leaf key of a model, dotted, in order of definition."""
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from describe(info.annotation, f"{key}.")
        else:
            yield key, info


def field_kind(info: FieldInfo) -> str:
    return kind_text(info.annotation, info.metadata)
