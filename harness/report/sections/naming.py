"""What charts and their series are called, and how many charts a section may have."""

from collections.abc import Sequence

from harness.analysis.summary import Row
from harness.files.text import harmless
from harness.record.nouns import FORCED_COLD
from harness.report.material import Material
from harness.report.nouns import Chart

MOST_CHARTS = 24


def profile_name(profile: str) -> str:
    """In words."""
    return "forced cold starts" if profile == FORCED_COLD else harmless(profile)


def title(material: Material, row: Row, *more: str) -> str:
    """Workload, where there are several, and profile."""
    several = len({row.workload for row in material.summary.rows}) > 1
    return " · ".join([*([harmless(row.workload)] if several else []), profile_name(row.profile), *more])


def kept(charts: Sequence[Chart]) -> tuple[list[Chart], list[str]]:
    """As many as a page has room for, and what is to be said of the rest."""
    rest = len(charts) - MOST_CHARTS
    return list(charts[:MOST_CHARTS]), [f"{rest} more charts of this kind are left out"] if rest > 0 else []
