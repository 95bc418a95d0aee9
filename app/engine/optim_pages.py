"""What each optimizer and each schedule does, when it helps and when it hurts: a page for every name in `optim`."""

from __future__ import annotations

from app.design.schedule import END, FIRST, MOMENTUM, RISE, START, WARM_UP
from app.design.values import Recipe
from blocks.card import Page

_USUAL = f"{Recipe().learning_rate:g}"

OPTIMIZER_PAGES = (
    Page(
        "adamw", "AdamW",
        "Every weight gets a step of its own: `w ← w − lr · (m / (√v + 1e-8) + decay · w)`, where m and v are running "
        "means of the gradient and of its square (0.9 and 0.999, corrected for their start at 0). Weight decay pulls "
        "on the weight itself and not on the gradient; biases and norms are spared, unless `decay_all` is on.",
        helps=f"Transformers, attention and first tries: it works over a wide range of rates, {_USUAL} for small "
              "networks and 1e-4 to 5e-4 for large transformers, and weight decay can be set apart from the rate.",
        hurts="It keeps two more numbers for every weight, where SGD keeps one. On convolutional networks that are "
              "trained long, a well chosen SGD often ends a little better.",
        paper="Loshchilov and Hutter 2017, Decoupled weight decay, arXiv:1711.05101",
    ),
    Page(
        "sgd", "SGD",
        f"All weights move at one rate along a running sum of the gradients: `v ← {MOMENTUM:g} · v + g`, then "
        f"`w ← w − lr · v`. The momentum is {MOMENTUM:g} unless the recipe has another; Nesterov's look ahead, if on, "
        "steps along `g + momentum · v`; weight decay is added to the gradient g.",
        helps="Convolutional networks on many images, trained long: at a rate of about 0.1 for batches of 256 that "
              "decays to 0 it reaches the accuracies of the papers, and keeps one more number a weight only.",
        hurts=f"The rate has to be found: {_USUAL} is far too small for most networks from scratch, and a little above "
              "the right one it diverges. Transformers train badly: their layers' gradients differ much in size.",
        paper="Robbins and Monro 1951, Polyak 1964; overview: Ruder 2016, arXiv:1609.04747",
    ),
    Page(
        "adam", "Adam",
        "Every weight gets a step of its own: `w ← w − lr · m / (√v + 1e-8)`, where m and v are running means of the "
        "gradient and of its square (0.9 and 0.999, corrected for their start at 0). Weight decay is added to the "
        "gradient, and so is divided by √v with it.",
        helps="To repeat papers from before AdamW, and wherever weight decay is 0: then both are the same. Sparse or "
              "noisy gradients, as of embeddings, are met by steps that fit each weight.",
        hurts="With weight decay above 0, weights with large gradients are hardly held back and others too much, which "
              "is seldom meant: AdamW mends that. It needs the same memory.",
        paper="Kingma and Ba 2014, arXiv:1412.6980",
    ),
    Page(
        "rmsprop", "RMSprop",
        "The gradient of each weight is divided by its recent size: `v ← 0.99 · v + 0.01 · g²`, then "
        "`w ← w − lr · g / (√v + 1e-8)`. There is no momentum unless the recipe sets one, and no correction for the "
        "start at 0; weight decay is added to the gradient.",
        helps="Recurrent networks and aims that move while one trains, whose gradients change their size on the way. "
              "It keeps one more number a weight, half of what Adam needs.",
        hurts="As v starts at 0 its first step is ten times the rate: take a smaller one, or the cosine schedule with "
              "its warm-up. MobileNet and EfficientNet were trained with a momentum of 0.9 besides: set it for them.",
        paper="Tieleman and Hinton 2012, Lecture 6.5; in print: Graves 2013, arXiv:1308.0850",
    ),
    Page(
        "adagrad", "Adagrad",
        "Each weight's steps shrink by all the gradients that it has had: `s ← s + g²`, then "
        "`w ← w − lr · g / (√s + 1e-10)`. Nothing is forgotten, and there is no momentum; weight decay is added to the "
        "gradient.",
        helps="Features that are seldom seen, as the embeddings of rare words: their weights keep large steps for when "
              "they come. A rate of 0.01 to 0.1 is usual, and it decays by itself.",
        hurts="The sum only grows, so in long runs of deep networks the steps become too small before the network is "
              "trained: RMSprop and Adam forget for that reason.",
        paper="Duchi, Hazan and Singer 2011, JMLR 12, 2121-2159; overview: Ruder 2016, arXiv:1609.04747",
    ),
)  # fmt: skip
"""In the order of `OPTIMIZERS`."""

SCHEDULE_PAGES = (
    Page(
        "cosine", "Cosine",
        f"The rate rises from {FIRST * 100:g} % of what is set to all of it over the first {WARM_UP * 100:g} % of the "
        "run, or over the warm-up that is set, and then falls along half a cosine to 0, or to the share that `final` "
        "gives: `lr · (1 + cos(π · s)) / 2`, where s goes from 0 to 1 over the rest.",
        helps="Nearly every run whose length is known: the warm-up keeps the first steps of transformers and of Adam's "
              "kin in bounds, the slow end lets weights settle, and there is no further number to choose.",
        hurts="It pays off at the end only: a run that is stopped halfway has never been at a small rate, and one that "
              "should have gone on longer has been at it too soon.",
        paper="Loshchilov and Hutter 2016, SGDR, arXiv:1608.03983; warm-up: Goyal et al. 2017, arXiv:1706.02677",
    ),
    Page(
        "constant", "Constant",
        "The rate stays what the recipe says, from the first step to the last: `lr`. Nothing warms up unless a warm-up "
        "is set, and nothing decays.",
        helps="First tries and the search for a rate that works; runs of which nobody knows how long they should be, "
              "for they can be stopped at any time.",
        hurts="Steps of full length keep the weights jumping around a minimum: the last epochs are noisy, and usually "
              "worse by a point or more than with a rate that goes to 0.",
        paper="Bengio 2012, Practical recommendations, arXiv:1206.5533",
    ),
    Page(
        "linear", "Linear",
        "The rate falls in a straight line from all of it at the first step to 0 at the end: `lr · (1 − t)`, where t "
        "goes from 0 to 1 over the run. It does not warm up unless that is set, and can end at a share of the rate, "
        "`final`.",
        helps="Short runs and a fixed budget of steps: of the simple schedules it makes the most of few epochs, and "
              "less of the run is spent near the full rate than with a cosine.",
        hurts="The first steps have full length at once, which can throw transformers and trained weights off: take "
              "cosine there, or a smaller rate. The length must be known beforehand.",
        paper="Li et al. 2019, Budgeted training, arXiv:1905.04753",
    ),
    Page(
        "step", "Step",
        "The rate is divided by 10 after each third of the run: `lr`, then `lr / 10`, then `lr / 100`. The factor "
        "`gamma` and the epochs between two falls, `every`, can be set; it does not warm up unless that is.",
        helps="SGD on convolutional networks, as the ResNet papers have it: the long first part goes far, and each "
              "drop shows in the curve as a fall of the loss at once.",
        hurts="The drops come after thirds whatever the curve does, too early for one network and too late for the "
              "next, and the last third often changes little. Transformers do better with a smooth decay.",
        paper="He et al. 2015, Deep residual learning, arXiv:1512.03385",
    ),
    Page(
        "multi-step", "Multi-step",
        "The rate is multiplied by `gamma`, a tenth if nothing else is set, after each of the epochs listed as "
        "`milestones`; with none listed after half and after three quarters of the run. It does not warm up unless "
        "that is set.",
        helps="To repeat a paper that names its epochs, and where the curve shows when the loss no longer falls: the "
              "next run drops the rate there.",
        hurts="The epochs listed hold for one length of run: change the number of epochs and they have to be found "
              "again. One that lies after the end does nothing.",
        paper="Huang et al. 2016, DenseNet, arXiv:1608.06993, section 4.2",
    ),
    Page(
        "exponential", "Exponential",
        "The rate falls by the same share in every step: `lr · gamma^(epochs / every)`, so by a factor of `gamma` in "
        "each `every` epochs, or in each third of the run where that is 0. It does not warm up unless that is set.",
        helps="A smooth stand-in for steps, without the jumps; recipes as Inception's, which multiply by 0.94 every "
              "two epochs. It needs no length of run if `every` is set.",
        hurts="Much of the run is spent at rates that are too small to change anything if gamma is a little too small, "
              "and the rate never reaches 0.",
        paper="Szegedy et al. 2015, Inception v3, arXiv:1512.00567, section 8",
    ),
    Page(
        "one-cycle", "One-cycle",
        f"The rate rises along half a cosine from {START:g} of what is set to all of it over the first "
        f"{RISE * 100:g} % of the run, and falls along another to {END:g} of it: `lr` is the highest. As in torch's "
        "OneCycleLR, but the momentum stays as it is. It has its own warm-up.",
        helps="Few epochs: the large rate in the middle goes far and keeps the network from settling early. Take the "
              "rate from the learning-rate finder.",
        hurts="The rate set is a peak, so one that is right for other schedules is low here, and a run that is stopped "
              "halfway stops at the wildest point.",
        paper="Smith and Topin 2017, Super-convergence, arXiv:1708.07120",
    ),
    Page(
        "plateau", "Plateau",
        "The rate stays until the validation loss has not become better by 1e-4 of itself for more than `plateau` "
        "epochs; then it is multiplied by `gamma`, and so on. Without a validation split the training loss is watched. "
        "It does not warm up unless that is set.",
        helps="Runs whose length nobody knows: the curve itself says when the rate is too large. Goes well with early "
              "stopping, which should wait longer than it.",
        hurts="A noisy validation loss, of few samples, makes it fall too early or hold on too long. What it will do "
              "cannot be drawn before.",
        paper="Simonyan and Zisserman 2014, VGG, arXiv:1409.1556, section 3.1",
    ),
)  # fmt: skip
"""In the order of `SCHEDULES`."""
