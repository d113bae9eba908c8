"""The zero-shot tasks: one file for each kind of picture, all registered by importing this."""

from clipedu.evaluation.tasks import drawn, icon_sets, photos, senses
from clipedu.evaluation.tasks.photos import fetch_task
from clipedu.evaluation.tasks.task import TASKS, Task, TaskUnavailable, load_task, register_task

__all__ = [
    "TASKS",
    "Task",
    "TaskUnavailable",
    "drawn",
    "fetch_task",
    "icon_sets",
    "load_task",
    "photos",
    "register_task",
    "senses",
]
