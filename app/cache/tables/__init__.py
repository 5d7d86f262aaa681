"""The printer columns of resources: what ``kubectl get`` shows of each kind."""

from app.cache.tables.builtin_tables import table_for
from app.cache.tables.live_cells import live_cells
from app.cache.tables.table_model import Cell, Column, Row, Table
from app.cache.tables.table_text import Sheet

__all__ = ["Cell", "Column", "Row", "Sheet", "Table", "live_cells", "table_for"]
