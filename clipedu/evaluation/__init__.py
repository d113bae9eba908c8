"""What a trained model can do: tasks, prompts, zero-shot answers, and how sure they are."""

# These register their tasks when they are imported.
from clipedu.evaluation import (  # noqa: F401
    tasks_drawn,
    tasks_families,
    tasks_photos,
    tasks_senses,
)
from clipedu.evaluation.classifier import clear_classifier_cache, zero_shot_classifier
from clipedu.evaluation.confusions import confusion_figure, confusion_matrix, confusion_words
from clipedu.evaluation.embedding import embed_pictures, embed_texts, evaluating
from clipedu.evaluation.ensembles import (
    compare_templates,
    forward_selection,
    template_embeddings,
    zero_shot_by_probability,
)
from clipedu.evaluation.figures import ranking_figure, ranking_words
from clipedu.evaluation.flips import Flip, Flips, flips, flips_figure, flips_words
from clipedu.evaluation.gains import gain_figure, gain_words, gains
from clipedu.evaluation.intervals import (
    chance_p,
    clopper_pearson,
    mean_per_class_interval,
    sign_test,
)
from clipedu.evaluation.prompts import TEMPLATE_SETS, article, fill, prompts_for
from clipedu.evaluation.records import about_record, read_record
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
    "Flip",
    "Flips",
    "Hit",
    "PictureIndex",
    "Ranked",
    "Recall",
    "Task",
    "TaskUnavailable",
    "ZeroShotResult",
    "about_record",
    "article",
    "as_dict",
    "as_markdown",
    "as_text",
    "build_index",
    "chance_p",
    "classify",
    "clear_classifier_cache",
    "clopper_pearson",
    "compare_templates",
    "confusion_figure",
    "confusion_matrix",
    "confusion_words",
    "embed_pictures",
    "embed_query",
    "embed_texts",
    "evaluate",
    "evaluating",
    "fetch_task",
    "fill",
    "flips",
    "flips_figure",
    "flips_words",
    "forward_selection",
    "gain_figure",
    "gain_words",
    "gains",
    "load_task",
    "mean_per_class_interval",
    "prompts_for",
    "ranking_figure",
    "ranking_words",
    "read_record",
    "recall",
    "register_task",
    "search",
    "sign_test",
    "template_embeddings",
    "zero_shot",
    "zero_shot_by_probability",
    "zero_shot_classifier",
]
