"""Counts the hours of frost in a table of soil readings."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FREEZING_C = 0.0


def frost_hours(rows: Iterable[dict[str, str]]) -> Counter[str]:
    """Hours at or below freezing, by station; one row is one hour."""
    hours: Counter[str] = Counter()
    for row in rows:
        if float(row["soil_c"]) <= FREEZING_C:
            hours[row["station"]] += 1
    return hours


def main(path: Path) -> None:
    """Print one line per station, the coldest first."""
    with path.open(newline="") as table:
        for station, hours in frost_hours(csv.DictReader(table)).most_common():
            print(f"{station:<12} {hours:>3} h")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
