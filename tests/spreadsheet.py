"""A real spreadsheet program without its windows: opens a file as people do, and tells what it shows."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import openpyxl

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
HOW_TO_GET_ONE = "no LibreOffice here, so no real spreadsheet opens a file (apt install libreoffice-calc)"
# Comma, double quote, UTF-8, from the first line: what the window for opening a CSV proposes for our files.
# Without windows nobody looks at the mark at the beginning.
_AS_CSV = "--infilter=CSV:44,34,76,1"
_SECONDS = 120


def opened(file: Path, folder: Path) -> dict[str, list[list[Any]]]:
    """What each worksheet shows after the program read the file and saved it again, as rows of values."""
    saved = folder / "saved"
    asked = [_AS_CSV] if file.suffix == ".csv" else []
    subprocess.run(
        [
            str(OFFICE), "--headless", "--norestore", *asked,
            f"-env:UserInstallation=file://{folder / 'user'}",
            "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(saved), str(file),
        ],
        check=True, capture_output=True, timeout=_SECONDS,
    )  # fmt: skip
    book = openpyxl.load_workbook(saved / f"{file.stem}.xlsx")
    return {
        sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets
    }
