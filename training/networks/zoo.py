"""Backbones by name: what they compute, what input they want, where their weights come from.

A backbone is a module with ``dim`` whose ``forward(image)`` returns features ``(N, dim)`` of normalized images
``(N, 3, H, W)``; many also offer ``feature_map(image) -> (N, C, h, w)``. Each lives in a module of this package that
fills one :class:`Entry`; a detector asks for ``backbone`` in its constructor and calls it once per copy it needs.
"""
