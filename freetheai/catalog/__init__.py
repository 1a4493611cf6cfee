"""The catalog: which aliases there are, what each can do, and who may use it.

``model`` is one row and how it is checked, ``file`` reads rows from TOML, ``live`` holds what MongoDB says now.
"""

from freetheai.catalog.file import CatalogFileError, doubts_of, load_catalog_file, load_catalog_files
from freetheai.catalog.live import Catalog
from freetheai.catalog.model import BadRow, Model, Visibility, access_of, check_row, full_row, list_row, model_of

__all__ = [
    "BadRow",
    "Catalog",
    "CatalogFileError",
    "Model",
    "Visibility",
    "access_of",
    "check_row",
    "doubts_of",
    "full_row",
    "list_row",
    "load_catalog_file",
    "load_catalog_files",
    "model_of",
]
