"""CUDA's autocast for :mod:`tests.accelerator`, whose tensors torch's own takes for the CPU's and leaves as they are.

What it casts, and how, is torch 2.15's (documentation of ``torch.amp``: CUDA op-specific behavior).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

LOW = """
_convolution conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d.input conv_transpose3d.input convolution
conv1d.padding conv2d.padding conv3d.padding prelu addmm addmv addr matmul einsum mm mv linalg_vecdot linear addbmm
baddbmm bmm chain_matmul linalg_multi_dot scaled_dot_product_attention
"""
FULL = """
 acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar pow.Tensor_Tensor
pow.Scalar softplus layer_norm native_layer_norm rms_norm group_norm frobenius_norm.dim nuclear_norm nuclear_norm.dim
cosine_similarity poisson_nll_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss
smooth_l1_loss huber_loss mse_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss
multi_margin_loss binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp upsample_nearest1d
upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa
upsample_trilinear3d upsample_bicubic2d _upsample_bicubic2d_aa prod prod.dim_int softmax.int log_softmax.int cumprod
cumsum linalg_vector_norm linalg_matrix_norm linalg_matrix_norm.str_ord sum sum.dim_IntList norm.Scalar
norm.ScalarOpt_dim
"""
WIDEST = "addcdiv addcmul atan2 bilinear cross dot grid_sampler index_put tensordot scatter_add vdot cat stack"

KEY = torch._C.DispatchKey.AutocastCUDA


def leaves_of(tree: Any) -> Iterator[Any]:
    """What lies in tuples, lists and dictionaries. Torch's own function for it takes half of a test's time."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (tuple, list)):
        yield tree
        return
    for part in tree:
        yield from leaves_of(part)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with ``function`` of each of its leaves in their place."""
    if isinstance(tree, dict):
        return {key: mapped(function, part) for key, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)([mapped(function, part) for part in tree])
    return function(tree)


@contextlib.contextmanager
def cuda_autocast(is_there: Callable[[Any], bool]) -> Iterator[None]:
    """What ``torch.autocast("cuda")`` does, done to tensors of which ``is_there`` holds."""
    library = torch.library.Library("aten", "IMPL", "AutocastCUDA")
    kinds = {name: kind for names, kind in ((LOW, _low), (FULL, _full), (WIDEST, _widest)) for name in names.split()}
    with warnings.catch_warnings(action="ignore"):  # that they are in the place of others
        for name, kind in kinds.items():
            packet, _, overload = name.partition(".")
            operator = getattr(getattr(torch.ops.aten, packet), overload or "default")
            library.impl(name, _kernel(operator, kind, is_there))
    try:
        yield
    finally:
        library._destroy()


def _kernel(operator: Any, kind: Callable[[set], torch.dtype | None], is_there: Callable[[Any], bool]) -> Any:
    def casts(leaf: Any) -> bool:
        return is_there(leaf) and leaf.is_floating_point() and leaf.dtype is not torch.float64

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(KEY)):
            dtype = kind({leaf.dtype for leaf in leaves_of((args, kwargs)) if casts(leaf)})
            if dtype is not None and "dtype" not in kwargs:
                args, kwargs = mapped(lambda leaf: leaf.to(dtype) if casts(leaf) else leaf, (args, kwargs))
            return operator(*args, **kwargs)

    return run


def _low(_: set[torch.dtype]) -> torch.dtype:
    return torch.get_autocast_dtype("cuda")


def _full(_: set[torch.dtype]) -> torch.dtype:
    return torch.float32


def _widest(found: set[torch.dtype]) -> torch.dtype | None:
    return torch.float32 if torch.float32 in found else None
