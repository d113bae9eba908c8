"""The verbs that lessons add to `clipedu`, found by the entry point `clipedu.commands`."""

COMMANDS = {
    "doctor": (
        "look at this machine and say what is wrong",
        "clipedu_lessons.doctor:add_doctor",
    ),
    "plan": (
        "plan a run: memory, compute, communication, days",
        "clipedu_lessons.l08_scaling_up.plan_command:add_plan_parser",
    ),
    "licences": ("say whose pictures these are", "clipedu_lessons.licences:add_licences"),
}
