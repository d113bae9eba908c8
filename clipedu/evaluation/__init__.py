"""What a trained model can do: tasks, prompts, zero-shot answers, and how sure they are."""

# These register their tasks when they are imported.
from clipedu.evaluation import (  # noqa: F401
    tasks_drawn,
    tasks_families,
    tasks_photos,
    tasks_senses,
)
from clipedu.evaluation.classifier import clear_classifier_cache, zero_shot_classifier
from clipedu.evaluation.embedding import embed_pictures, embed_texts, evaluating
from clipedu.evaluation.figures import ranking_figure, ranking_words
from clipedu.evaluation.intervals import clopper_pearson
from clipedu.evaluation.prompts import TEMPLATE_SETS, article, fill, prompts_for
from clipedu.evaluation.report import as_dict, as_markdown, as_text, evaluate
from clipedu.evaluation.retrieval import (
    Hit,
    PictureIndex,
    Recall,
    build_index,
    embed_query,
    recall,
    search,
)
from clipedu.evaluation.tasks import TASKS, Task, TaskUnavailable, load_task, register_task
from clipedu.evaluation.tasks_photos import fetch_task
from clipedu.evaluation.zeroshot import Ranked, ZeroShotResult, classify, zero_shot

__all__ = [
    "TASKS",
    "TEMPLATE_SETS",
    "Hit",
    "PictureIndex",
    "Ranked",
    "Recall",
    "Task",
    "TaskUnavailable",
    "ZeroShotResult",
    "article",
    "as_dict",
    "as_markdown",
    "as_text",
    "build_index",
    "classify",
    "clear_classifier_cache",
    "clopper_pearson",
    "embed_pictures",
    "embed_query",
    "embed_texts",
    "evaluate",
    "evaluating",
    "fetch_task",
    "fill",
    "load_task",
    "prompts_for",
    "ranking_figure",
    "ranking_words",
    "recall",
    "register_task",
    "search",
    "zero_shot",
    "zero_shot_classifier",
]
