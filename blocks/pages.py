"""What each category of blocks is for: a page for every one of `CATEGORIES`, and one for Groups."""

from __future__ import annotations

from blocks.card import Page

PAGES = (
    Page(
        "Ends", "Ends",
        "Where a drawing begins and ends. Inputs hand samples in and Targets the right answers; Outputs say what is "
        "predicted and exported; inside a Group its ports take their place. What brings samples into form stands here "
        "too. At run time they hand values on: the sizes of everything else follow from what the Inputs say.",
        helps="Ends keep training and use apart: one drawing holds losses and answers, and the export takes only what "
              "an Output needs. Names given here become the names of the exported network.",
        hurts="An Input of a size that the real samples do not have makes every shape and cost on the canvas one of "
              "another network. Without an Output there is nothing to predict or export, whatever was trained.",
        paper="Abadi et al. 2016, TensorFlow (feed and fetch), arXiv:1605.08695",
    ),
    Page(
        "Stem", "Stem blocks",
        "The first layers of an image network. A stem takes the image with its three colours and gives a map with many "
        "channels and usually a quarter of the height and width, so that the stages after it work on less. Vision "
        "transformers use it to cut the image into patches, each of which becomes a token.",
        helps="Shrinking early is the cheapest way to save: all that follows runs on a sixteenth of the places. A stem "
              "of several small convolutions trains more steadily than one large window or a patch cut.",
        hurts="On images of 32 or 64 pixels a stem made for 224 throws most of the detail away before anything has "
              "looked at it: take a single convolution of stride 1. Small objects suffer in the same way.",
        paper="Szegedy et al. 2016, Inception-v4, arXiv:1602.07261",
    ),
    Page(
        "Backbone", "Backbone blocks",
        "The body of an image network: stages that halve the map again and again while its channels grow, and so turn "
        "pixels into features. Whole backbones, their stages and the blocks of which stages are made stand here. A "
        "backbone gives a pyramid of maps, finest first, from which necks and heads take what they need.",
        helps="A known backbone brings a shape of network that has been tried at every size, and trained weights that "
              "fit it: on a few thousand images these matter more than any other choice.",
        hurts="It is most of the cost of the whole. One made for a thousand classes of photos is too large for small "
              "or grey images, overfits on little data, and its last stages see objects only from 32 pixels on.",
        paper="Girshick et al. 2013, R-CNN (a trained network as features for other tasks), arXiv:1311.2524",
    ),
    Page(
        "Attention", "Attention blocks",
        "Blocks that weigh features by the features themselves. Gates scale channels or places by a number between 0 "
        "and 1; self-attention lets each place or token gather from all others, or from those in its window, as much "
        "as query and key agree. What is looked at so depends on the sample and not on trained weights alone.",
        helps="Where far parts belong together: words of a sentence, an object and its surroundings. Gates raise "
              "a ResNet's accuracy on ImageNet by a point or more for few weights.",
        hurts="Attention between all places grows with the square of their number, in time and memory. It knows no "
              "order or neighbourhood by itself, and needs more data or stronger augmentation than convolutions do.",
        paper="Bahdanau et al. 2014, arXiv:1409.0473",
    ),
    Page(
        "Neck", "Neck blocks",
        "What stands between backbone and heads. A neck takes the levels of a pyramid and mixes them: coarse levels, "
        "which know what is there, tell the fine ones, which know where, and the other way round. It gives a pyramid "
        "again, most often with equally many channels on all levels.",
        helps="Detection and segmentation of objects of very different sizes: each level gets meaning and outline, so "
              "that one head serves them all. A top-down path already lifts small objects most.",
        hurts="A classifier needs none: the coarsest level alone does. The finest level holds most of the places, so "
              "that each further one costs about four times as much memory as the one before.",
        paper="Lin et al. 2017, Feature pyramid networks, arXiv:1612.03144",
    ),
    Page(
        "Head", "Head blocks",
        "The last part, which turns features into answers: a score a class, a box and its classes at every place, a "
        "class for every pixel, or a vector to compare by. Several heads can stand on one backbone, each with a loss "
        "of its own.",
        helps="Exchanging the head is how a trained network learns another task: the features stay, and few weights "
              "are new. Heads for training alone, such as auxiliary ones, are left out of the export.",
        hurts="A head of wide linear layers on a flattened map holds more weights than all else and ties the network "
              "to one image size: pool first. Heads with different losses pull at the features; weigh them.",
        paper="He et al. 2017, Mask R-CNN, arXiv:1703.06870",
    ),
    Page(
        "Layer", "Layer blocks",
        "The single steps of which all else is made: convolutions and linear layers with their weights, pools that "
        "shrink, norms that keep values in range, activations that bend them, dropout, recurrent layers, embeddings. "
        "Larger blocks open up into these.",
        helps="For networks of your own, small models and changes inside a known one: every weight is in sight. Order "
              "matters: convolution, norm, activation is the usual one, norm first in transformers.",
        hurts="Drawing a deep network layer by layer is slow and easily goes wrong: a missing norm or shortcut stops "
              "it from training. From about ten layers on take stages, or a Group that is repeated.",
        paper="LeCun et al. 1998, Gradient-based learning applied to document recognition, doi:10.1109/5.726791",
    ),
    Page(
        "Connector", "Connector blocks",
        "What makes a network more than a chain: wires meet in sums, products and joins, part into pieces, levels are "
        "picked and bundled, and sizes are put into another form. Hardly any of them has weights.",
        helps="Shortcuts make depth trainable, joins keep fine detail beside coarse meaning, and a product lets one "
              "branch steer another: most new architectures are new wirings of old layers.",
        hurts="What is to meet must fit in every size, at each input size that will be used. Joins widen all that "
              "follows, values kept for a long shortcut stay in memory, and many small steps idle a GPU.",
        paper="He et al. 2015, Deep residual learning, arXiv:1512.03385",
    ),
    Page(
        "Loss", "Loss blocks",
        "One number that says how far the answers are from the Targets. Training makes the weighted sum of all losses "
        "in the drawing small, by following its gradient back through every layer that leads to it. A loss is there "
        "in training and evaluation only.",
        helps="The loss is what the network really learns: one that fits the task, with raw scores where it expects "
              "raw scores, is worth more than further layers. Several of them train several tasks together.",
        hurts="Losses of different size drown one another: the largest wins unless their weights even it out. A loss "
              "that falls is no proof of use, for only a metric on data not trained on says how good answers are.",
        paper="Rumelhart et al. 1986, Learning representations by back-propagating errors, doi:10.1038/323533a0",
    ),
    Page(
        "Postprocess", "Postprocess blocks",
        "From raw answers to results that a person can use: anchors and decoders make boxes of a detector's numbers, "
        "suppression keeps one box an object, argmax picks the class. Nothing here is trained; numbers such as the "
        "threshold are chosen on validation data.",
        helps="Drawn into the network it is exported with it, so that whoever runs the file gets boxes or classes and "
              "cannot decode them otherwise than in training.",
        hurts="Most of it lets no gradient through: losses belong before it. Suppression costs time on the processor "
              "that may exceed the network's own, and not every runtime has its operators.",
        paper="Felzenszwalb et al. 2010, Part-based models (suppression of overlaps), doi:10.1109/TPAMI.2009.167",
    ),
    Page(
        "Metric", "Metric blocks",
        "Numbers for people: how often the answer is right. A metric is worked out beside the losses in training and "
        "on data that was not trained on, and drawn as a curve; nothing is learned from it.",
        helps="It compares runs and networks on what counts in the end, and shows overfitting: the curve of training "
              "goes on rising while that of validation turns.",
        hurts="A single number hides rare classes and costly mistakes. Choosing among many runs by the metric of the "
              "test split makes that split a second training set: choose on validation.",
        paper="Russakovsky et al. 2014, ImageNet challenge (top-1 and top-5), arXiv:1409.0575",
    ),
    Page(
        "Own blocks", "Own blocks",
        "Blocks that you wrote: each `nn.Module` class in a folder of yours, chosen under File > Own blocks. They have "
        "settings, weights and shapes as all others, and are loaded anew when their file is saved. Their code runs in "
        "the engine only, once you have allowed it.",
        helps="For a layer out of a new paper, or from a code base of yours, that should be measured, trained and "
              "exported inside a drawing without being drawn.",
        hurts="They do not open up, and a drawing that uses them is incomplete without their file. A forward that "
              "reads values or sizes in Python may fail on the meta device, where shapes are worked out.",
        paper="Paszke et al. 2019, PyTorch (models are programs), arXiv:1912.01703",
    ),
    Page(
        "Group", "Groups",
        "A drawing that stands as one node: several nodes put together, with ports of their own. It can be entered, "
        "used in many places, repeated one after another with weights of its own each time, and given settings that "
        "the fields inside name in expressions such as `width * 2`.",
        helps="What comes again is drawn once: change the inside and every use follows. Width and depth of a whole "
              "network become two settings, which variants then choose.",
        hurts="All uses have the same inside, so an exception needs a setting or a copy. Groups in Groups hide where a "
              "shape goes wrong, and a Group used once only adds a level to enter.",
        paper="Lin et al. 2013, Network in network, arXiv:1312.4400",
    ),
)  # fmt: skip
"""In the order of `CATEGORIES`; an id is the category's name."""
