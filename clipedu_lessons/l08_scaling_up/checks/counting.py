"""Exercises 08.1 and 08.2: what a rank computes, and the constant that is left."""

from __future__ import annotations

from clipedu_classroom.spec import Misconception, ValueExercise

COUNT = ValueExercise(
    id="08.1",
    name=("pairs_each", "local_mib", "gathered_mib", "missed"),
    expected=(512, 16, 64, 3584),
    misconceptions=(
        Misconception(
            "every rank embeds the whole batch",
            lambda v: v[0] == 4096,
            "Who embeds what? 4,096 pairs, 8 ranks.",
        ),
        Misconception(
            "the matrix is shared out when every rank computes all of it",
            lambda v: v[2] == 8,
            "In the gathered loss no rank leaves anything to the others.",
        ),
        Misconception(
            "numbers are counted, not bytes",
            lambda v: v[1] == 4 or v[2] == 16,
            "A float32 takes 4 bytes.",
        ),
        Misconception(
            "only one of the two strips is counted",
            lambda v: v[1] == 8,
            "Whom does the rank ask, besides its pictures?",
        ),
        Misconception(
            "the rank's own pairs are compared with each other only",
            lambda v: v[1] in (1, 2),
            "After the gather, with how many captions is a picture compared?",
        ),
        Misconception(
            "the transposed matrix is counted as a second one",
            lambda v: v[2] == 128,
            "The columns of a matrix are the rows of its transpose: nothing new is computed.",
        ),
        Misconception(
            "the local loss is taken to need the whole matrix",
            lambda v: v[1] == 64,
            "A rank asks for its own pairs only.",
        ),
        Misconception(
            "the wrong captions that it does meet are counted",
            lambda v: v[3] in (511, 512),
            "Those are the ones of its own rank. How many are elsewhere?",
        ),
        Misconception(
            "all wrong captions are counted, those of its own rank too",
            lambda v: v[3] in (4095, 4096),
            "Some of them are on its own rank.",
        ),
        Misconception(
            "the right caption is taken off twice",
            lambda v: v[3] == 3583,
            "It is on the picture's own rank: the other ranks' captions are all wrong ones.",
        ),
        Misconception(
            "bytes are given for MiB",
            lambda v: v[1] == 16 * 2**20 or v[2] == 64 * 2**20,
            "Divide by 2^20.",
        ),
    ),
)


FACTORS = ValueExercise(
    id="08.2",
    name=("summed", "own_rows", "not_averaged", "scale_of_chunks", "towers_of_chunks"),
    expected=(1, 0.25, 4, 8, 1),
    misconceptions=(
        Misconception(
            "the sum of the gather is thought to need a division",
            lambda v: v[0] == 4,
            "The loss is the mean of the ranks' losses, and DDP takes a mean: is anything left?",
        ),
        Misconception(
            "a mean is taken twice where a sum and a mean cancel",
            lambda v: v[0] == 0.25,
            "The gather adds; DDP divides by the number of ranks.",
        ),
        Misconception(
            "the mean of DDP is forgotten",
            lambda v: v[1] == 1 or v[2] == 16,
            "Each rank's gradient is divided by the number of ranks.",
        ),
        Misconception(
            "the inverse of the factor is given",
            lambda v: v[1] == 4 or v[2] == 0.25 or v[3] == 0.125,
            "How many times as large as the true gradient?",
        ),
        Misconception(
            "adding instead of averaging is taken to make no difference",
            lambda v: v[2] == 1,
            "A sum of four is four times their mean.",
        ),
        Misconception(
            "towers and scale are taken to behave alike",
            lambda v: v[3] == v[4] == 8,
            "Each chunk's towers get their part once. And the scale?",
        ),
        Misconception(
            "the scale is thought to be shared out among the chunks",
            lambda v: v[3] == 1,
            "In each of the 8 passes the loss is that of the whole batch.",
        ),
        Misconception(
            "the towers' gradients are thought to need a division by the chunks",
            lambda v: v[4] in (0.125, 8),
            "In each pass only one chunk's rows have a graph behind them.",
        ),
        Misconception(
            "the factor of the ranks is taken for that of the chunks",
            lambda v: v[3] == 4,
            "There is one process here, and 8 chunks.",
        ),
    ),
)
