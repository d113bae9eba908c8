"""What a trained model can do: tasks, prompts, zero-shot answers, and how sure they are."""

from clipedu.evaluation.embedding import embed_pictures, embed_texts, evaluating
from clipedu.evaluation.likelihood import class_scores
from clipedu.evaluation.prompts import TEMPLATE_SETS, article, fill, prompts_for
from clipedu.evaluation.report import as_dict, as_markdown, as_text, evaluate
from clipedu.evaluation.statistics import clopper_pearson, grouped_interval, mean_per_class_interval
from clipedu.evaluation.tasks.photos import fetch_task
from clipedu.evaluation.tasks.task import TASKS, Task, TaskUnavailable, load_task, register_task
from clipedu.evaluation.zeroshot import (
    Ranked,
    ZeroShotResult,
    classify,
    clear_classifier_cache,
    zero_shot,
    zero_shot_classifier,
)
