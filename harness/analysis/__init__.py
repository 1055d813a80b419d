"""Numbers with their intervals, from records alone: trials' rows, tables, comparisons, change points."""
