"""Parameters of strategies: as somebody wrote them, as Python has them, and as JSON keeps them."""

from __future__ import annotations

import json
import re
from collections import abc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from backtest.errors import UsageError, unknown
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile, failure

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def configure(file: StrategyFile, settings: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """Make the strategy with parameters set by name, such as `hold` or `earnings.hold`.

    Settings are values by dotted name, or in tables; a `Text` is read by its field's type.
    UsageError where a name is no parameter, or a value is not of its type or out of its bounds.
    """
    values, faults = _typed(file, settings)
    made: Strategy | BacktraderStrategy
    made, more = _made(file.cls, values)
    _raise_faults(file, settings, faults + more)
    return made


def check_defaults(file: StrategyFile) -> None:
    """Hold the defaults that a file sets against the parameters; others may have to be set yet."""
    values, faults = _typed(file, {})
    _, more = _made(file.cls, values)
    _raise_faults(file, {}, faults + [fault for fault in more if not fault.is_missing])


def typed(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, in defaults and settings, as values of their fields' types by dotted name."""
    values, faults = _typed(file, settings)
    _raise_faults(file, settings, faults)
    return values


def stated(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, as of `typed`, in JSON values: so it travels, and reads back as the same."""
    return {name: plain(value) for name, value in typed(file, settings).items()}


def variant(file: StrategyFile, values: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """The strategy of values that are of their fields' types, by dotted name; see `configure`."""
    made: Strategy | BacktraderStrategy
    made, faults = _made(file.cls, values)
    _raise_faults(file, values, faults)
    return made


def recorded(strategy: Strategy | BacktraderStrategy) -> dict[str, Any]:
    """The parameters as JSON values, as they stand on record: they make the same strategy again.

    UsageError where JSON knows no such value, or it becomes another when it is read back.
    """
    own = strategy.parameters if isinstance(strategy, BacktraderStrategy) else dict(strategy)
    cls = strategy.cls if isinstance(strategy, BacktraderStrategy) else type(strategy)
    file = StrategyFile(cls.__name__, Path(), cls)
    try:
        values = {name: plain(value) for name, value in own.items()}
    except ValueError as error:
        raise UsageError(f"{file.name}: a parameter cannot be put on record: {error}.") from None
    again = configure(file, values)
    back = again.parameters if isinstance(again, BacktraderStrategy) else dict(again)
    for name, value in own.items():
        if back[name] != value:
            raise UsageError(
                f"{file.name}: {name} = {value!r} stands on record as {shown(value)}, and that "
                f"becomes {back[name]!r} when it is read. A parameter needs a type that JSON can "
                f"tell, and validators that leave alone what they have made."
            )
    return values


def changed(file: StrategyFile, record: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters on record, by dotted name, that are not the defaults of the strategy."""
    known = parameters(file.cls)
    found = _by_name(known, record)
    return {name: value for name, value in found.items() if not _is_default(known[name], value)}


def _is_default(parameter: FieldInfo, value: Any) -> bool:
    """Whether a plain value is the default; one that is made of other parameters is none."""
    default = default_of(parameter)
    return default is not PydanticUndefined and bool(plain(default) == value)


def default_of(field: FieldInfo) -> Any:
    """The default of a field; `PydanticUndefined` where it has none, or one made of others."""
    if field.default_factory_takes_validated_data:
        return PydanticUndefined
    return field.get_default(call_default_factory=True)


class _Fault(NamedTuple):
    """A value that is refused: the parameter, the value and what is allowed."""

    name: str
    value: Any
    what: str
    is_missing: bool = False


def _faults(error: ValidationError, prefix: str = "") -> list[_Fault]:
    return [
        _Fault(
            ".".join(filter(None, (prefix, *map(str, fault["loc"])))),
            fault["input"],
            fault["msg"],
            fault["type"] == "missing",
        )
        for fault in error.errors()
    ]


def _typed(file: StrategyFile, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[_Fault]]:
    """Every value that is set, by dotted name, as its field's type has it; and the faults."""
    known = parameters(file.cls)
    stated_by_file = _by_name(known, file.defaults)
    values: dict[str, Any] = {}
    faults: list[_Fault] = []
    for name, value in {**stated_by_file, **_by_name(known, settings)}.items():
        if name not in known:
            where = f" (set in {file.defaults_in}):" if name in stated_by_file else ""
            raise unknown(f"parameter of {file.name}{where}", name, known)
        try:
            values[name] = ParameterReader(known[name]).read(value)
        except ValidationError as error:  # what lacks in a value that is set is no parameter
            faults += [fault._replace(is_missing=False) for fault in _faults(error, name)]
        except ValueError as error:
            faults.append(_Fault(name, value, str(error)))
    return values, faults


def _by_name(
    known: Mapping[str, FieldInfo], parameters: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Values by dotted name; tables and models that hold parameters are opened."""
    found: dict[str, Any] = {}
    for part, value in parameters.items():
        name = f"{prefix}{part}"
        inner = dict(value) if isinstance(value, BaseModel) else value
        is_group = isinstance(inner, dict) and any(one.startswith(f"{name}.") for one in known)
        more = _by_name(known, inner, f"{name}.") if is_group else {name: value}
        if twice := found.keys() & more.keys():
            raise UsageError(f"The parameter {min(twice)} is set twice; set it once.")
        found |= more
    return found


def _made(cls: type[Any], values: Mapping[str, Any]) -> tuple[Any, list[_Fault]]:
    """The strategy of values that are of their fields' types, by dotted name; or the faults."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        _put(nested, cls, name, value)
    try:
        if issubclass(cls, Strategy):
            return cls.model_validate(nested), []
        return BacktraderStrategy(cls, dict(_backtrader_model(cls)(**nested))), []
    except ValidationError as error:
        return None, _faults(error)
    except BaseException as error:
        raise failure(cls, "while it was made", error) from error


def _raise_faults(
    file: StrategyFile, settings: Mapping[str, Any], faults: Sequence[_Fault]
) -> None:
    # A value that is not of its type was left out, and is not missing for that.
    named = {fault.name for fault in faults if not fault.is_missing}
    sentences = [
        f"{fault.name} = {fault.value!r}: {fault.what}{_set_by(file, settings, fault.name)}"
        f"{_as_range(fault)}"
        if fault.name
        else fault.what
        for fault in faults
        if not fault.is_missing
    ]
    sentences += [
        f"{fault.name} has no default: set it, as with `--set {fault.name}=…`"
        for fault in faults
        if fault.is_missing and fault.name not in named
    ]
    if sentences:
        raise UsageError(f"{file.name}: " + "; ".join(sentences))


def _as_range(fault: _Fault) -> str:
    """How a range is written, where a value looks like one."""
    ends = re.fullmatch(r"(\d[\d.]*)\s*(?:[-:–]|\.\.|to)\s*(\d[\d.]*)", str(fault.value).strip())
    if ends is None:
        return ""
    return f". A sweep tries a range: `--grid {fault.name}={ends[1]}:{ends[2]}`"


def _set_by(file: StrategyFile, settings: Mapping[str, Any], name: str) -> str:
    """Where a bad value stands, unless it came with the call."""
    known = parameters(file.cls)
    of_file = _by_name(known, file.defaults).keys() - _by_name(known, settings).keys()
    is_of_file = any(name == one or name.startswith(f"{one}.") for one in of_file)
    return f" (set in {file.defaults_in})" if is_of_file and file.defaults_in else ""


def parameters(cls: type[Any]) -> dict[str, FieldInfo]:
    """The parameters of a strategy by dotted name, with their field definitions."""
    model = cls if issubclass(cls, BaseModel) else _backtrader_model(cls)
    found: dict[str, FieldInfo] = {}
    for name, definition in model.model_fields.items():
        kind = definition.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, part in parameters(kind).items():
                found[f"{name}.{inner}"] = _with_default(part, inner, definition)
        else:
            found[name] = definition
    return found


def _with_default(definition: FieldInfo, name: str, outer: FieldInfo) -> FieldInfo:
    """The definition with the default that the field has inside that of another, if it has one."""
    owner, changed = default_of(outer), copy(definition)
    if isinstance(owner, BaseModel):
        changed.default, changed.default_factory = attrgetter(name)(owner), None
    elif outer.default_factory_takes_validated_data:
        changed.default, changed.default_factory = PydanticUndefined, outer.default_factory
    return changed


def _backtrader_model(cls: type[Any]) -> type[BaseModel]:
    """Backtrader's `params` as typed fields: each has the type of its default.

    What no text can tell, such as an indicator or a function, is none, and stays what it is.
    """
    fields: dict[str, Any] = {}
    for name, value in cls.params._getitems():  # noqa: SLF001 - the one way to ask for them
        kind = Any if value is None else type(value)
        with suppress(ValueError, PydanticSchemaGenerationError):
            TypeAdapter(kind)  # it raises where no text can be read as one
            plain(value)  # likewise where none can be written
            fields[name] = kind, value
    return create_model(cls.__name__, **fields)


def _put(values: dict[str, Any], model: type[Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        inner = model.model_fields[parent]
        default = default_of(inner)
        own = default.model_dump(round_trip=True) if isinstance(default, BaseModel) else {}
        values, model = values.setdefault(parent, own), cast("type[Any]", inner.annotation)
    values[leaf] = value


# Values


@dataclass(frozen=True)
class Text:
    """A value as somebody wrote it, such as `5,10`: the type of its parameter says what it means.

    `none` is no value where the parameter may have none, and lists are written by comma. What
    begins as JSON does, with a bracket, a brace or a quotation mark, is JSON where that fits.
    """

    text: str


def shown(value: Any) -> str:
    """A parameter's value as `--set` takes it."""
    with suppress(ValueError):  # no parameter has such a value
        value = plain(value)
    if isinstance(value, str):
        is_ambiguous = value.lower() == "none" or value != value.strip() or _is_json(value)
        return json.dumps(value, ensure_ascii=False) if is_ambiguous else value
    if isinstance(value, list):
        texts = [inner if isinstance(inner, str) else shown(inner) for inner in value]
        split = [part.strip() for part in ",".join(texts).split(",") if part.strip()]
        is_nested = any(inner is None or isinstance(inner, list | dict) for inner in value)
        if split == texts and not _is_json(",".join(texts)) and not is_nested:
            return ",".join(texts)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else str(value)


def _is_json(text: str) -> bool:
    """Whether the text is read as JSON: a list, a table or a text in quotation marks."""
    with suppress(ValueError):
        return _is_json_like(text) and json.loads(text) is not None
    return False


def _is_json_like(text: str) -> bool:
    return text[:1] in ("[", "{", '"')


def leaves(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters by dotted name, those of a table within under its name; no table is empty."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def flat(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as texts by dotted name, for readers."""
    return {name: shown(value) for name, value in leaves(parameters).items()}


def plain(value: Any) -> Any:
    """A value as JSON knows it, sets in order; ValueError where JSON knows nothing of the kind."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(round_trip=True))
    if isinstance(value, dict):
        return {_key(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, set | frozenset):
        return _in_order([plain(inner) for inner in value])
    if isinstance(value, list | tuple | range):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # of numpy or pandas
        return plain(value.tolist())
    try:
        return to_jsonable_python(value)
    except TypeError as error:  # of a time that is none
        raise ValueError(f"{value!r}: {error}") from None


def _key(name: Any) -> str:
    return str(next(iter(to_jsonable_python({name: None}))))


def _in_order(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=json.dumps)


class ParameterReader:
    """Reads the values of one parameter by the type of its field."""

    def __init__(self, definition: FieldInfo) -> None:
        """Take the type from the field's definition."""
        annotation: Any = definition.annotation
        self._type: TypeAdapter[Any] = TypeAdapter(annotation)
        self._is_list = _holds_several(annotation)

    def read(self, value: Any) -> Any:
        """The value as the type has it; only a `Text` may change its kind on the way.

        ValidationError where it is not of the type, ValueError where JSON knows no such value.
        """
        return self._of_text(value.text) if isinstance(value, Text) else self._of_value(value)

    def _of_value(self, value: Any) -> Any:
        try:
            return self._type.validate_json(json.dumps(plain(value)), strict=True)
        except ValidationError:
            if value == "none":  # as a file writes it, which has no other word for no value
                with suppress(ValidationError):
                    return self._type.validate_python(None, strict=True)
            raise

    def _of_text(self, text: str) -> Any:
        text = text.strip()
        if _is_json_like(text):
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
        if text.lower() == "none":
            with suppress(ValidationError):
                return self._type.validate_python(None, strict=True)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        try:
            return self._type.validate_python(parts if self._is_list else text)
        except ValidationError:
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
            raise


def _holds_several(annotation: Any) -> bool:
    """Whether a type, or one of a union, is a list, a tuple or a set."""
    origin = get_origin(annotation) or annotation
    if origin in (Union, UnionType, Annotated):
        return any(map(_holds_several, get_args(annotation)))
    return origin in (list, tuple, set, frozenset, abc.Sequence, abc.Set, abc.Collection)
