"""The HTML report, its charts, mask videos, and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.report.bundle import BundleSettings, Checked, check_bundle, verdicts_json, write_bundle
    from npvf.report.mask_video import write_masks
    from npvf.report.report import render_report, save_page, write_report

__all__ = [
    "BundleSettings",
    "Checked",
    "check_bundle",
    "render_report",
    "save_page",
    "verdicts_json",
    "write_bundle",
    "write_masks",
    "write_report",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "bundle": ["BundleSettings", "Checked", "check_bundle", "verdicts_json", "write_bundle"],
        "mask_video": ["write_masks"],
        "report": ["render_report", "save_page", "write_report"],
    },
)
