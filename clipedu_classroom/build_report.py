"""What a build did and what is wrong, to print or to write as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipedu_classroom.freshness import Finding
from clipedu_classroom.source import Problem, shown_path


@dataclass(frozen=True)
class NotebookReport:
    """What was done with one notebook: "unchanged", "written", "executed", "fresh", "stale" or
    "failed"; `bytes` is 0 for a file that does not exist."""

    path: Path
    status: str
    seconds: float = 0.0
    bytes: int = 0


@dataclass
class BuildReport:
    """All notebooks of one call and everything that is wrong; `ok` when nothing is."""

    notebooks: list[NotebookReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)  # about notebooks
    problems: list[Problem] = field(default_factory=list)  # about the text
    failures: list[str] = field(default_factory=list)  # notebooks that did not run

    @property
    def ok(self) -> bool:
        errors = [problem for problem in self.problems if problem.level == "error"]
        return not (self.findings or self.failures or errors)

    def __str__(self) -> str:
        rows = [
            f"{report.status:>9}  {shown_path(report.path)}  "
            f"({report.bytes / 1000:.0f} kB, {report.seconds:.1f} s)"
            for report in self.notebooks
        ]
        return "\n".join([*rows, *map(str, [*self.problems, *self.findings]), *self.failures])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: ok, notebooks, findings, problems, failures."""
        return {
            "ok": self.ok,
            "notebooks": [
                {
                    "path": shown_path(report.path),
                    "status": report.status,
                    "seconds": round(report.seconds, 3),
                    "bytes": report.bytes,
                }
                for report in self.notebooks
            ],
            "findings": [
                {
                    "path": shown_path(finding.path),
                    "cell": finding.cell,
                    "message": finding.message,
                    "mend": finding.mend,
                }
                for finding in self.findings
            ],
            "problems": [
                {
                    "path": shown_path(problem.path),
                    "line": problem.line,
                    "rule": problem.rule,
                    "level": problem.level,
                    "message": problem.message,
                }
                for problem in self.problems
            ],
            "failures": list(self.failures),
        }
