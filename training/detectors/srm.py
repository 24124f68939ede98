"""Two Xceptions, on RGB and on high-pass noise, that exchange features on the way.

Source: Luo et al., Generalizing face forgery detection with high-frequency features (CVPR 2021), section 3.
Loss: AM-softmax (margin 0.45, scale 30).
Deviations: the margin is taken from linear logits, since the published head is linear; the bank of noise filters is
laid out as in the published weights, see :class:`training.networks.noise_streams.FeatureNoise`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.losses.am_softmax import am_softmax
from training.networks.noise_streams import CrossAttention, FeatureNoise, Fusion, ImageNoise, NoiseAttention
from training.networks.xception import released


@DETECTORS.register("srm")
class Srm(Classifier):
    """See the module. The exchange relates places, so that weights belong to one ``resolution``.

    Args:
        margin, scale: of the loss.
    """

    family = "frequency"
    year = 2021
    released = {
        **released("backbone_rgb.", "backbone."),
        **released("backbone_srm.", "noise_net.", head=None),
        "blur.": None,
        "srm_conv0.kernel": None,
        "srm_sa.srm.kernel": None,
        **{f"srm_conv{i}.kernel": None for i in (1, 2)},
        **{f"srm_conv{i}.out_conv.": f"noise{i}.mix." for i in (1, 2)},
        "srm_sa.conv.": "attention.conv.",
        "srm_sa.pa.conv.": "attention.spatial.",
        "srm_sa_post.0.": "attended.0.",
        **{
            f"dual_cma{i}.{theirs}": f"exchange{i + 1}.{ours}"
            for i in range(2)
            for theirs, ours in {
                "gamma1": "gains.0",
                "gamma2": "gains.1",
                "key_conv1.": "keys.0.",
                "key_conv2.": "keys.1.",
                "key_conv_share.": "shared.",
                "linear1.": "relate.0.",
                "linear2.": "relate.1.",
                "value_conv1.": "values.0.",
                "value_conv2.": "values.1.",
            }.items()
        },
        "fusion.convblk.": "fusion.join.",
        "fusion.ca.sharedMLP.": "fusion.weigh.",
    }

    def __init__(
        self, backbone: Callable[[], nn.Module], resolution: int, margin: float = 0.45, scale: float = 30.0
    ) -> None:
        super().__init__(backbone)
        self.margin, self.scale = margin, scale
        self.noise_net = backbone()
        widths = self.backbone.conv1.out_channels, self.backbone.conv2.out_channels
        self.noise = ImageNoise()
        self.noise1, self.noise2 = FeatureNoise(widths[0]), FeatureNoise(widths[1])
        self.attention = NoiseAttention(widths)
        self.attended = nn.Sequential(nn.BatchNorm2d(widths[1]), nn.ReLU())
        cells = (resolution // 16) ** 2
        self.exchange1 = CrossAttention(self.backbone.middle_dim, cells)
        self.exchange2 = CrossAttention(self.backbone.middle_dim, cells)
        self.fusion = Fusion(self.backbone.dim)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``, the joined ``feature`` map, its mean, and the noise attention ``att_map``."""
        rgb, srm = self.backbone, self.noise_net
        noise = self.noise(image)
        x = rgb.stem1(image)
        y = srm.stem1(noise) + self.noise1(x)
        x = rgb.stem2(x)
        y = srm.stem2(y) + self.noise2(x)
        attention = self.attention(noise)
        x = self.attended(x * attention + x)
        x, y = self.exchange1(rgb.blocks(x, 1, 3), srm.blocks(y, 1, 3))
        x, y = self.exchange2(rgb.blocks(x, 4, 7), srm.blocks(y, 4, 7))
        feature = self.fusion(rgb.tail(rgb.blocks(x, 8)), srm.tail(srm.blocks(y, 8))).relu()
        embedding = feature.mean((2, 3))
        return {"logits": self.head(embedding), "feature": feature, "embedding": embedding, "att_map": attention}

    def loss(self, batch: Batch) -> Losses:
        """AM-softmax of the logits."""
        return Losses(am_softmax(self.outputs(batch.image)["logits"], batch.label, self.margin, self.scale))
