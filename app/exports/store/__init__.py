"""Rows in and out of the database for exports: what was asked for, and what a file holds."""

from app.exports.store.cases import PAGE, ExportStore

__all__ = ["PAGE", "ExportStore"]
