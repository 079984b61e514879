"""Tables of papers, a YAML a row; filled for whoever holds the data, and what is not there is said to be missing.

NAME/table.yaml    title, note, folds, scores, order of rows
NAME/ROW.yaml      title, the paper's numbers and their source, how it is run, how it is trained
"""

from ccstereo.evaluation.tables.fill import fill_table
from ccstereo.evaluation.tables.rows import PaperRow, PaperTable, list_tables, read_table

__all__ = ["PaperRow", "PaperTable", "fill_table", "list_tables", "read_table"]
