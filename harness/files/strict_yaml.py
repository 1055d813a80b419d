"""YAML as a mapping of fields, or one problem that says why it is none; and YAML that is read as it was written."""

import errno
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.files.problems import quote
from harness.files.whole import one_line, read_file
from harness.files.yaml_scalars import BOOL, CORE, FLOAT, INT, PREFIX, Misread, decimal_text, list_misread, whole_number

MOST_BYTES = 1_000_000


class Loader(yaml.SafeLoader):
    """Safe YAML with the plain values of version 1.2, in which a key that is given twice is a mistake, and so is what
    the older version reads otherwise; by itself PyYAML would take the last one, and the older reading."""

    exact = False
    """Whether numbers keep every digit that was written."""

    def get_single_node(self) -> Any:
        """PyYAML: the whole document. Misread when values in it may mean two things."""
        node = super().get_single_node()
        if problems := list_misread(node, self.exact):
            raise Misread(problems)
        return node

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

    def whole(self, node: yaml.ScalarNode) -> int:
        """A whole number."""
        return whole_number(self.construct_scalar(node))

    def truth(self, node: yaml.ScalarNode) -> bool:
        """True or false, and no other word for them."""
        text = self.construct_scalar(node)
        if not CORE[BOOL].match(text):
            raise ValueError(f"{quote(text)} is neither true nor false")
        return bool(text.lower() == "true")

    def real(self, node: yaml.ScalarNode) -> Any:
        """Any other number."""
        return float(decimal_text(self.construct_scalar(node)))


Loader.yaml_implicit_resolvers = {}
for _tag, _form in CORE.items():
    Loader.add_implicit_resolver(_tag, _form, None)
Loader.add_implicit_resolver(f"{PREFIX}merge", yaml.SafeLoader.yaml_implicit_resolvers["<"][0][1], ["<"])
Loader.add_constructor(INT, Loader.whole)
Loader.add_constructor(FLOAT, Loader.real)
Loader.add_constructor(BOOL, Loader.truth)


class ExactLoader(Loader):
    """Numbers with a decimal point or an exponent stay the text that was written: a float would lose digits."""

    exact = True

    def real(self, node: yaml.ScalarNode) -> str:
        """Any other number, as it was written."""
        text: str = self.construct_scalar(node)
        return text


ExactLoader.add_constructor(FLOAT, ExactLoader.real)


class Dumper(yaml.SafeDumper):
    """YAML that both versions read alike: text that either takes for something else stands in quotes."""


for _tag in (INT, FLOAT, BOOL):
    Dumper.add_implicit_resolver(_tag, CORE[_tag], None)


def write_mapping(fields: dict[str, Any], **style: Any) -> str:
    """Fields as YAML, in their order. `style` is PyYAML's."""
    text: str = yaml.dump(fields, Dumper=Dumper, sort_keys=False, **style)
    return text


def read_mapping(path: Path, loader: type[Loader] = Loader) -> dict[str, Any]:
    """The fields of a YAML file. UsageError when it is too large, not YAML, not a mapping of names, or unclear."""
    try:
        fields = loader(read_file(path, MOST_BYTES)).get_single_data()
    except Misread as error:
        raise UsageError([f"{path}: {line}" for line in error.problems]) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            size = path.stat().st_size
            raise UsageError([f"{path}: has {size} bytes: an experiment may have {MOST_BYTES}"]) from None
        raise UsageError([f"{path}: cannot be read ({error.strerror}): name another YAML file"]) from None
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
