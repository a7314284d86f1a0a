"""Text of a pipeline file to a ``Pipeline``; every problem with its line and column. Pure.

Called by the run, by the ``pipelines`` query and by ``opsrail ci lint``.
"""

from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from opsrail_ci.pipeline.checks import Path, contradictions
from opsrail_ci.pipeline.model import Pipeline
from opsrail_sdk.errors import InvalidInput

MAX_BYTES = 256 * 1024
_MAX_NODES = 20_000
_MAX_DEPTH = 40
_MERGE = "tag:yaml.org,2002:merge"
_STANDARD = "tag:yaml.org,2002:"

_SHAPES = {
    "model_type": "expected a mapping of keys to values",
    "dict_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "string_type": "expected text",
}
"""Our words for what the validation says in terms of Python."""


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in the file. Line and column count from 1."""

    line: int
    column: int
    message: str
    path: str = ""

    def __str__(self) -> str:
        where = f"`{self.path}`: " if self.path else ""
        return f"line {self.line}, column {self.column}: {where}{self.message}"


class PipelineInvalid(InvalidInput):
    """The pipeline file cannot be used. ``problems`` holds all that was found, in the order of the file."""

    code = "pipeline_invalid"

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__(
            f"{name}: " + "; ".join(str(problem) for problem in self.problems[:10]),
            detail={"file": name, "problems": [vars(problem) for problem in self.problems]},
        )


def parse(text: str, name: str = ".opsrail/ci.yaml") -> Pipeline:
    """The pipeline in ``text``.

    Raises:
        PipelineInvalid: not YAML, or not a pipeline.
    """
    if len(text.encode()) > MAX_BYTES:
        raise PipelineInvalid(name, [Problem(1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = error.problem or "not YAML"
        began = error.context_mark
        if error.context and began and mark and (began.line, began.column) != (mark.line, mark.column):
            message += f" {error.context}, which begins at line {began.line + 1}, column {began.column + 1}"
        raise PipelineInvalid(name, [_at(mark, message)]) from error
    except yaml.YAMLError as error:
        raise PipelineInvalid(name, [Problem(1, 1, f"not YAML: {error}")]) from error
    except RecursionError as error:
        raise PipelineInvalid(name, [Problem(1, 1, "nested too deeply")]) from error
    if root is None:
        raise PipelineInvalid(name, [Problem(1, 1, "the file is empty")])
    reader = _Reader()
    try:
        data = reader.read(root, ())
    except RecursionError as error:
        raise PipelineInvalid(name, [Problem(1, 1, "a mapping merges itself")]) from error
    if reader.problems:
        raise PipelineInvalid(name, reader.problems)
    try:
        pipeline = Pipeline.model_validate(data)
    except ValidationError as error:
        raise PipelineInvalid(name, [reader.locate(item) for item in error.errors()]) from error
    if problems := [reader.at(path, message) for path, message in contradictions(pipeline)]:
        raise PipelineInvalid(name, problems)
    return pipeline


class _Reader:
    """Turns nodes into plain data and remembers where everything stood."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._keys: dict[Path, yaml.Mark] = {}
        self._values: dict[Path, yaml.Mark] = {}
        self._nodes = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            if not self.problems:
                self.problems.append(_at(node.start_mark, "too large once its aliases are expanded"))
            return None
        self._values.setdefault(path, node.start_mark)
        if not node.tag.startswith(_STANDARD):
            self.problems.append(_at(node.start_mark, f"the tag {node.tag} is not known here"))
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        plain = getattr(node, "style", None) is None
        return None if plain and node.value in {"", "~", "null"} else node.value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(_at(key.start_mark, "a key must be plain text"))
            elif key.tag == _MERGE:
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in reversed(sources):
                    content = self.read(source, path)
                    if isinstance(content, dict):
                        merged.update(content)
                    else:
                        self.problems.append(_at(source.start_mark, "`<<` needs a mapping"))
            elif key.value in own:
                self.problems.append(_at(key.start_mark, f"`{key.value}` is given twice"))
            else:
                self._keys[*path, key.value] = key.start_mark
                self._values.pop((*path, key.value), None)
                own[key.value] = self.read(value, (*path, key.value))
        return merged | own

    def locate(self, error: Any) -> Problem:
        """The place of a validation error."""
        path: Path = tuple(error["loc"])
        known = self._known(path)
        unknown_key = error["type"] == "extra_forbidden"
        mark = self._keys.get(known) if unknown_key else None
        message = "unknown key" if unknown_key else str(error["msg"]).removeprefix("Value error, ")
        message = _SHAPES.get(error["type"], message)
        return _at(mark or self._values[known], message, _dotted(path if error["type"] == "missing" else known))

    def at(self, path: Path, message: str) -> Problem:
        """A problem with what stands at a path."""
        known = self._known(path)
        return _at(self._values[known], message, _dotted(known))

    def _known(self, path: Path) -> Path:
        """The longest part of a path that stands in the file."""
        while path and path not in self._values:
            path = path[:-1]
        return path


def _at(mark: yaml.Mark | None, message: str, path: str = "") -> Problem:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(line, column, message, path)


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
