"""What a self-test has found, on a terminal."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from samestep.report.text import visible
from samestep.selftest import Finding


def finding_line(finding: Finding) -> Text:
    """One planting, or one honest framework, as soon as it is judged."""
    what = finding.cheat or "as it is"
    mark, style = ("caught" if finding.cheat else "proved", "green")
    if finding.cheat is None and not finding.judged:
        mark, style = finding.found, "yellow"
    if not finding.caught:
        mark, style = ("NOT CAUGHT" if finding.cheat else "ACCUSED", "red")
    return Text.assemble((f"{mark:10}", style), f"  {finding.framework:17} {what}")


def selftest_view(findings: Sequence[Finding]) -> Group:
    """A line for each cheat with who caught it in which framework, and the two sums."""
    table = Table(box=None, pad_edge=False)
    for header in ("cheat", "framework", "found by"):
        table.add_column(header, no_wrap=header != "cheat", overflow="fold")
    planted = [finding for finding in findings if finding.cheat is not None]
    honest = [finding for finding in findings if finding.cheat is None]
    previous = ""
    for finding in sorted(planted, key=lambda one: str(one.cheat)):
        found = finding.found if finding.caught else f"{finding.found}, not {finding.expected}"
        name = "" if finding.cheat == previous else str(finding.cheat)
        previous = str(finding.cheat)
        style = "" if finding.caught else "red"
        table.add_row(name, visible(finding.framework), Text(found, style))
    caught = sum(finding.caught for finding in planted)
    judged = [finding for finding in honest if finding.judged]
    accused = [finding for finding in judged if not finding.caught]
    lines = [
        Text(f"cheats caught: {caught} of {len(planted)}"),
        Text(f"honest scripts accused: {len(accused)} of {len(judged)}"),
    ]
    failed = [finding for finding in honest if finding.found == "failed"]
    lines += [
        Text(f"{one.framework}: {one.found}: {visible(one.detail)}", "red")
        for one in (*accused, *failed)
    ]
    return Group(table, Text(), *lines)
