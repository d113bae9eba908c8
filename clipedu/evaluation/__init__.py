"""What a trained model can do: tasks, prompts, zero-shot answers, and how sure they are."""

from clipedu.evaluation.classifier import clear_classifier_cache, zero_shot_classifier
from clipedu.evaluation.embedding import embed_pictures, embed_texts, evaluating
from clipedu.evaluation.prompts import TEMPLATE_SETS, article, fill, prompts_for
from clipedu.evaluation.report import as_dict, as_markdown, as_text, evaluate
from clipedu.evaluation.statistics import (
    chance_p,
    clopper_pearson,
    mean_per_class_interval,
    sign_test,
)
from clipedu.evaluation.tasks import (
    TASKS,
    Task,
    TaskUnavailable,
    fetch_task,
    load_task,
    register_task,
)
from clipedu.evaluation.zeroshot import Ranked, ZeroShotResult, classify, zero_shot

__all__ = [
    "TASKS",
    "TEMPLATE_SETS",
    "Ranked",
    "Task",
    "TaskUnavailable",
    "ZeroShotResult",
    "article",
    "as_dict",
    "as_markdown",
    "as_text",
    "chance_p",
    "classify",
    "clear_classifier_cache",
    "clopper_pearson",
    "embed_pictures",
    "embed_texts",
    "evaluate",
    "evaluating",
    "fetch_task",
    "fill",
    "load_task",
    "mean_per_class_interval",
    "prompts_for",
    "register_task",
    "sign_test",
    "zero_shot",
    "zero_shot_classifier",
]
