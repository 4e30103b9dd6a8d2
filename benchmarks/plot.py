"""The curves of a row as a picture beside its JSON; without matplotlib (the extra `plot`) there is none, and that is said."""

from __future__ import annotations

from benchmarks.result import RESULTS, Result

INCHES = (4.5, 3.2)
DPI = 80


def draw(result: Result) -> None:
    """One panel for each set of curves."""
    if not result.curves:
        return
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, panels = plt.subplots(
        1, len(result.curves), figsize=(INCHES[0] * len(result.curves), INCHES[1]), squeeze=False
    )
    for panel, (title, curves) in zip(panels[0], result.curves.items(), strict=True):
        for name, points in curves.items():
            panel.plot(*zip(*points, strict=True), marker=".", label=name)
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(visible=True, alpha=0.3)
    panels[0][0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(RESULTS / f"{result.row}.png", dpi=DPI)
    plt.close(figure)
