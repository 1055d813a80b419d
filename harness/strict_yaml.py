"""YAML as a mapping of fields, or one problem that says why it is none."""

from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.problems import shown

MOST_BYTES = 1_000_000


class Loader(yaml.SafeLoader):
    """Safe YAML in which a key that is given twice is a mistake; by itself PyYAML would take the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """PyYAML: one mapping is read."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            known = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if known in seen:
                raise yaml.MarkedYAMLError(problem=f"{shown(key.value)} is given twice", problem_mark=key.start_mark)
            if known:
                seen.add(known)
        return node


def read_mapping(path: Path) -> dict[str, Any]:
    """The fields of a YAML file. UsageError when it is too large, not YAML, or not a mapping of names."""
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise UsageError([f"{path}: has {len(data)} bytes: an experiment may have {MOST_BYTES}"])
        fields = Loader(data).get_single_data()
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise UsageError([f"{path}: is not readable YAML: {told[:300]}"]) from None
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
