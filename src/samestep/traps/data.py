"""The traps of losses, labels, orders and initial weights."""

from samestep.traps.trap import Trap, has, keeps_tail, shuffles

TRAPS = (
    Trap(
        name="clipped softmax",
        what="The loss takes probabilities and clips them to [1e-7, 1 - 1e-7] before the "
        "logarithm; rows beyond the clip teach nothing.",
        behaviours={
            "keras-jax": "clips with from_logits=False",
            "keras-torch": "clips with from_logits=False",
            "keras-tensorflow": "goes back to the logits where it finds a softmax op",
            "sklearn": "clips the reported loss at the precision's epsilon, not the gradient",
            "torch": "takes logits",
            "flax": "takes logits",
            "numpy": "takes logits",
            "flux": "logitcrossentropy takes logits",
            "knet": "nll takes logits",
            "julia": "takes logits",
        },
        neutralised="Scripts give logits to the loss (from_logits=True).",
        variant="clipped_softmax",
    ),
    Trap(
        name="epoch loss weighted by batches",
        what="An epoch's loss is the mean of its batches' losses, so that the rows of a smaller "
        "last batch count for more.",
        behaviours={
            "keras": "weighted by rows",
            "tensorflow": "left to the user's loop; a plain metrics.Mean weighs batches alike",
            "sklearn": "weighted by rows",
            "torch": "left to the user's loop; common tutorials divide by the number of batches",
            "lightning": "self.log(on_epoch=True) weighs by batch_size, else by a guess",
            "flax": "left to the user's loop",
            "numpy": "left to the user's loop",
            "flux": "left to the user's loop",
            "knet": "left to the user: adam(...) gives a loss a batch",
        },
        neutralised="Scripts weight by rows; the trajectory rung compares epoch losses.",
        variant="batch_mean_loss",
        applies=keeps_tail,
    ),
    Trap(
        name="running epoch loss",
        what="An epoch's loss is a mean over batches of a model that moves meanwhile; computed "
        "after the epoch instead, it is lower.",
        behaviours={
            "keras": "running mean",
            "tensorflow": "left to the user's loop",
            "sklearn": "running mean (loss_curve_)",
            "torch": "left to the user's loop",
            "lightning": "running mean (self.log)",
            "flax": "left to the user's loop",
        },
        neutralised="Every script reports the running mean; evaluation is a stage of its own.",
    ),
    Trap(
        name="labels",
        what="Labels count from 0 or from 1, or are one-hot columns; one off trains another task.",
        behaviours={
            "torch": "from 0",
            "keras": "from 0 (sparse_categorical_crossentropy)",
            "flax": "from 0 (softmax_cross_entropy_with_integer_labels)",
            "flux": "one-hot columns",
            "knet": "from 1; a label of 0 is left out of the loss",
        },
        neutralised="Scripts convert in prepare and evaluate; the loss rung catches a shift.",
    ),
    Trap(
        name="initialisers",
        what="Frameworks draw their first weights from different distributions.",
        behaviours={
            "torch": "kernel and bias uniform within 1 / sqrt(in)",
            "keras": "glorot_uniform kernel, zero bias",
            "flax": "lecun_normal kernel, zero bias",
            "sklearn": "glorot_uniform kernel and bias (factor 2 instead of 6 for logistic)",
            "flux": "glorot_uniform kernel, zero bias",
            "knet": "xavier_uniform kernel (the same), zero bias by param0",
        },
        neutralised="Scripts name glorot_uniform and zero biases; a trial and the proof start "
        "from the plan's weights.",
        applies=has("dense"),
    ),
    Trap(
        name="replayed shuffle",
        what="A pipeline that is seeded again each epoch replays one order for ever.",
        behaviours={
            "sklearn": "an integer random_state replays its order at every call of partial_fit",
            "flax": "shuffling is left to the user's loop",
            "torch": "DataLoader(shuffle=True) draws a new order each epoch",
            "keras-tensorflow": "fit(x, y, shuffle=True) replays one order in every epoch once "
            "keras.utils.set_random_seed was called, and draws new ones otherwise",
            "keras-jax": "fit(shuffle=True) draws a new order each epoch",
            "keras-torch": "fit(shuffle=True) draws a new order each epoch",
            "tensorflow": "tf.data draws a new order each epoch, unless "
            "reshuffle_each_iteration=False",
            "flux": "DataLoader(shuffle = true) draws a new order each epoch",
            "knet": "minibatch(shuffle = true) draws a new order each epoch",
        },
        neutralised="Scripts avoid it (on TensorFlow by a tf.data pipeline); the audit compares "
        "the orders of three epochs of the raced pipeline.",
        applies=shuffles,
    ),
    Trap(
        name="local shuffle",
        what="A shuffle through a small buffer, or of whole batches, leaves rows near their "
        "places or beside the same neighbours.",
        behaviours={
            "keras-tensorflow": 'tf.data shuffles within its buffer; fit(shuffle="batch") whole '
            "batches",
            "torch": "shuffles all rows",
        },
        neutralised="Scripts shuffle all rows; the audit looks for both.",
        applies=shuffles,
    ),
    Trap(
        name="last batch",
        what="A smaller last batch is kept or dropped.",
        behaviours={
            "torch": "DataLoader keeps it unless drop_last=True",
            "keras": "fit keeps it",
            "tensorflow": "tf.data keeps it unless drop_remainder=True",
            "sklearn": "keeps it",
            "flax": "left to the user's loop; the official examples drop it",
            "flux": "DataLoader keeps it unless partial = false",
            "knet": "minibatch drops it unless partial = true",
        },
        neutralised="Scripts say it outright; the audit counts rows and batch sizes.",
    ),
)
