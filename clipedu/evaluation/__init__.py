"""What a trained model can do: tasks, prompts, zero-shot answers, and how sure they are."""

from clipedu.evaluation.classifier import clear_classifier_cache, zero_shot_classifier
from clipedu.evaluation.embedding import embed_pictures, embed_texts, evaluating
from clipedu.evaluation.figures import ranking_figure, ranking_words
from clipedu.evaluation.intervals import clopper_pearson
from clipedu.evaluation.prompts import TEMPLATE_SETS, article, fill, prompts_for
from clipedu.evaluation.report import as_dict, as_markdown, as_text, evaluate
from clipedu.evaluation.tasks import TASKS, Task, load_task, register_task
from clipedu.evaluation.zeroshot import Ranked, ZeroShotResult, classify, zero_shot

__all__ = [
    "TASKS",
    "TEMPLATE_SETS",
    "Ranked",
    "Task",
    "ZeroShotResult",
    "article",
    "as_dict",
    "as_markdown",
    "as_text",
    "classify",
    "clear_classifier_cache",
    "clopper_pearson",
    "embed_pictures",
    "embed_texts",
    "evaluate",
    "evaluating",
    "fill",
    "load_task",
    "prompts_for",
    "ranking_figure",
    "ranking_words",
    "register_task",
    "zero_shot",
    "zero_shot_classifier",
]
