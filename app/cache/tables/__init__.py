"""The printer columns of resources: what ``kubectl get`` shows of each kind."""

from app.cache.tables.builtin import table_for
from app.cache.tables.live import live_cells
from app.cache.tables.model import Cell, Column, Row, Table
from app.cache.tables.text import Sheet

__all__ = ["Cell", "Column", "Row", "Sheet", "Table", "live_cells", "table_for"]
