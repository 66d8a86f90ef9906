"""SRGAN: a generator fitted to deceive a discriminator, and to keep a picture's features.

Ledig et al. 2017, https://arxiv.org/abs/1609.04802. The generator is an SRResNet, first fitted
alone. It invents detail that looks right: a trained one is for comparison, not for pictures that
anyone will measure.
"""

from dataclasses import dataclass
from typing import Any

import keras

from training.architectures.blocks import conv, leaky_relu, normalised

CONTENT_SCALE = 12.75
"""Features are divided by it, which brings their squared error near that of pixels (paper, 3.2)."""

ADVERSARIAL = 1e-3
"""Weight of the adversarial loss beside the content loss (paper, equation 3)."""

RATE = 1e-4
"""The paper's learning rate, for both."""


def discriminator(side: int = 96) -> keras.Model:
    """Pictures in [0, 1], [n, side, side, 3], to the probability that each is real, [n, 1].

    `side` is that of the high-resolution crops, 96 in the paper.
    """

    def block(x: Any, channels: int, strides: int) -> Any:
        x = keras.layers.Conv2D(channels, 3, strides, padding="same")(x)
        return leaky_relu(normalised(x))

    pictures = keras.Input((side, side, 3), name="pictures")
    x = block(leaky_relu(conv(pictures, 64)), 64, strides=2)
    for channels in (128, 256, 512):
        x = block(block(x, channels, strides=1), channels, strides=2)
    x = leaky_relu(keras.layers.Dense(1024)(keras.layers.Flatten()(x)))
    real = keras.layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(pictures, real, name="discriminator")


def vgg19(weights: str | None = "imagenet") -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to the features of VGG19's last convolution.

    `weights` is as in keras.applications.VGG19, which fetches "imagenet" on first use, or a file.
    """
    pictures = keras.Input((None, None, 3), name="pictures")
    classifier = keras.applications.VGG19(include_top=False, weights=weights)
    features = keras.Model(classifier.inputs, classifier.get_layer("block5_conv4").output)
    levels = keras.applications.vgg19.preprocess_input(255.0 * pictures)
    return keras.Model(pictures, features(levels), name="vgg19")


def content_loss(features: keras.Model, real: Any, made: Any) -> Any:
    """Mean squared error of the features of two batches of pictures: a scalar."""
    difference = (features(real) - features(made)) / CONTENT_SCALE
    return keras.ops.mean(keras.ops.square(difference))


def adversarial_loss(judged: Any) -> Any:
    """-log of the probability [n, 1] that made pictures are real: its mean, a scalar."""
    return keras.ops.mean(keras.losses.binary_crossentropy(keras.ops.ones_like(judged), judged))


class Deceiver(keras.Model):  # type: ignore[misc]  # Keras has no type hints
    """The generator with its judges, of which fitting changes the generator alone."""

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, features: keras.Model
    ) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.features = features

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return list(self.generator.trainable_variables)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        return self.trainable_variables

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        learnt = {id(variable) for variable in self.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in learnt]

    def call(self, low: Any, training: bool = False) -> Any:
        return self.generator(low, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The perceptual loss of made pictures `y_pred` beside the real ones `y`."""
        judged = self.discriminator(y_pred, training=training)
        content = content_loss(self.features, y, y_pred)
        return content + ADVERSARIAL * adversarial_loss(judged)


@dataclass(frozen=True)
class Losses:
    """What one step came to, each before its own update."""

    discriminator: float
    """Binary cross-entropy on the real and on the made pictures, added."""
    generator: float
    """Content loss, and a thousandth of the adversarial loss."""


class Srgan:
    """A generator and a discriminator, each fitted against the other."""

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, features: keras.Model
    ) -> None:
        """`features` maps pictures in [0, 1] to any tensor: `vgg19()` in the paper."""
        self.generator = generator
        real, made = (keras.Input(discriminator.input_shape[1:]) for _ in range(2))
        # Apart, so that batch normalisation does not mix real and made pictures.
        self.judge = keras.Model([real, made], [discriminator(real), discriminator(made)])
        self.deceiver = Deceiver(generator, discriminator, features)
        self._compile(self.judge, ["binary_crossentropy", "binary_crossentropy"])
        self._compile(self.deceiver, None)

    @staticmethod
    def _compile(model: keras.Model, losses: list[str] | None) -> None:
        optimiser = keras.optimizers.Adam(RATE)
        optimiser.build(model.trainable_variables)  # or TensorFlow traces the first step twice
        # XLA is slower than oneDNN on a CPU, but JAX has nothing else that compiles.
        jit = keras.config.backend() == "jax"
        model.compile(optimiser, loss=losses, jit_compile=jit)

    def step(self, low: Any, high: Any) -> Losses:
        """Update the discriminator, then the generator, once each, on one batch.

        Args:
            low: pictures in [0, 1], float32 [n, h, w, 3].
            high: the same pictures at the discriminator's side, float32 [n, 2h, 2w, 3].
        """
        ones = keras.ops.ones((len(low), 1))
        made = self.generator(low, training=True)
        judge = self.judge.train_on_batch([high, made], [ones, 0.0 * ones], return_dict=True)
        deceiver = self.deceiver.train_on_batch(low, high, return_dict=True)
        return Losses(float(judge["loss"]), float(deceiver["loss"]))
