"""The verbs that the classroom adds to `clipedu`, found by the entry point `clipedu.commands`: for
each its line in `clipedu --help`, and where its parser is."""

COMMANDS = {
    "build": (
        "make the notebooks from clipedu_lessons/",
        "clipedu_classroom.build:add_build_parser",
    ),
    "bundle": ("a zip of lessons for students", "clipedu_classroom.bundle:add_bundle_parser"),
    "grade": ("grade a folder of submissions", "clipedu_classroom.grade_cli:add_grade_parser"),
    "start": ("lay out a course folder of your own", "clipedu_classroom.start:add_start_parser"),
    "update": ("bring newer lessons into it", "clipedu_classroom.start:add_update_parser"),
    "lab": ("open JupyterLab in it", "clipedu_classroom.start:add_lab_parser"),
    "judge": ("judge one answer, or a list", "clipedu_classroom.judge:add_judge_parser"),
}
