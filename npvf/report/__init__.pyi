from .bundle import (
    BundleSettings as BundleSettings,
    Checked as Checked,
    check_bundle as check_bundle,
    verdicts_json as verdicts_json,
    write_bundle as write_bundle,
)
from .mask_video import write_masks as write_masks
from .report import render_report as render_report, save_page as save_page, write_report as write_report
