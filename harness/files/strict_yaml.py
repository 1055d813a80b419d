"""YAML as a mapping of fields, or one problem that says why it is none."""

from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.files.problems import quote
from harness.files.whole import one_line

MOST_BYTES = 1_000_000
MOST_DIGITS = 10_000
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Loader(yaml.SafeLoader):
    """Safe YAML in which a key that is given twice is a mistake; by itself PyYAML would take the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """PyYAML: one mapping is read."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            known = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if known in seen:
                raise yaml.MarkedYAMLError(problem=f"{quote(key.value)} is given twice", problem_mark=key.start_mark)
            if known:
                seen.add(known)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """PyYAML: `<<` is put in. A key that comes from several is kept once, or a few lines could fill the memory."""
        super().flatten_mapping(node)
        last = {}
        for key, value in node.value:
            last[(key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)] = key, value
        node.value = list(last.values())

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """PyYAML: the text of a value. YAML has numbers to the base of 60, which take ages where they are long."""
        text = super().construct_scalar(node)
        if node.tag in NUMBERS and len(text) > MOST_DIGITS:
            raise yaml.MarkedYAMLError(problem=f"a number of {len(text)} digits", problem_mark=node.start_mark)
        return text


def read_mapping(path: Path) -> dict[str, Any]:
    """The fields of a YAML file. UsageError when it is too large, not YAML, or not a mapping of names."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UsageError([f"{path}: has {size} bytes: an experiment may have {MOST_BYTES}"])
        with path.open("rb") as file:
            fields = Loader(file.read(MOST_BYTES)).get_single_data()
    except UsageError:
        raise
    except Exception as error:  # of a value that does not fit its tag, PyYAML may raise nearly anything
        reason = one_line(str(error) or type(error).__name__)
        raise UsageError([f"{path}: is not readable YAML: {reason}"]) from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise UsageError(
            [f"{path}: is not a mapping of fields: begin with name, question, workloads, targets, profiles"]
        )
    return fields


def is_file(path: Path) -> bool:
    """Whether there is such a file; False also for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
