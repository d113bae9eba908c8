"""The verbs that the classroom adds to `clipedu`, found by the entry point `clipedu.commands`.

For each verb its line in `clipedu --help`, and where its parser is; nothing is imported before it
is asked for.
"""

COMMANDS = {
    "build": (
        "make the notebooks from clipedu_lessons/",
        "clipedu_classroom.build_cli:add_build_parser",
    ),
    "grade": ("grade a folder of submissions", "clipedu_classroom.grade_cli:add_grade_parser"),
}
