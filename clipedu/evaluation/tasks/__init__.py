"""The zero-shot tasks. A new one is one function in one file:

    @register_task("my_task")
    def my_task(size: int) -> Task:
        return Task("my_task", pictures, labels, class_names, templates=["{}"], source="by hand")

For a task of icons `register_icon_task` needs only their class names. Import a new file below.
"""

from clipedu.evaluation.tasks import drawn, icon_sets, photos
from clipedu.evaluation.tasks.photos import fetch_task
from clipedu.evaluation.tasks.task import TASKS, Task, TaskUnavailable, load_task, register_task
