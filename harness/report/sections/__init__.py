"""The sections of a report, one a file: from what was read to charts, tables and words."""
