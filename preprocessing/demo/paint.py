"""The face's paint: skin, beard, mouth, brows and eyes as color per pixel before light."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from preprocessing.demo.head import MOUTH_TRAVEL, Surface
from preprocessing.demo.identity import Identity
from preprocessing.demo.motion import Expression
from preprocessing.demo.setting import Light
from preprocessing.demo.shapes import arch, blob, darken, over, ridge, step

MOUTH_INSIDE = np.array([0.16, 0.05, 0.05], np.float32)
TEETH = np.array([0.774, 0.747, 0.702], np.float32)
EYE_WHITE = np.array([0.90, 0.88, 0.86], np.float32)
BLUSH = np.array([0.0, 0.55, 0.50], np.float32)
PUPIL = 0.03


def paint_face(identity: Identity, expression: Expression, surface: Surface, light: Light) -> np.ndarray:
    """Albedo of a face without scalp hair, (H, W, 3) float32."""
    albedo = _skin(identity, surface)
    if identity.beard > 0:
        albedo = _beard(albedo, identity, surface)
    albedo = _mouth(albedo, identity, expression, surface)
    nostrils = blob(surface.side, surface.y, identity.nose_width * 0.52, identity.nose_tip - 0.002, 0.030, 0.017)
    albedo = darken(albedo, 0.78 * np.clip(1.3 * nostrils * surface.front, 0, 1))
    albedo = _brows(albedo, identity, surface)
    return _eyes(albedo, identity, expression, surface, light)


def occlusion(identity: Identity, expression: Expression, surface: Surface) -> np.ndarray:
    """Share of light, (H, W), that reaches sockets, the sides of the nose, and what lies under nose and lips."""
    side, y, ex, ey, tip = surface.side, surface.y, identity.eye_x, identity.eye_y, identity.nose_tip
    under_lip = identity.mouth_y + identity.lip_thickness * 1.9 + MOUTH_TRAVEL * expression.mouth
    shadow = (
        0.30 * blob(side, y, ex * 0.80, ey - 0.035, 0.15, 0.060)
        + 0.16 * blob(side, y, ex, ey + 0.085, 0.13, 0.035)
        + 0.28 * blob(side, y, 0, tip + 0.028, identity.nose_width * 1.05, 0.026)
        + 0.22 * blob(side, y, identity.nose_width * 1.12, tip - 0.04, 0.030, 0.06)
        + 0.20 * blob(side, y, 0, under_lip, identity.mouth_width * 0.55, 0.030)
        + 0.14 * blob(side, y, 0.09, ey + 0.02, 0.035, 0.12)
    )
    return 1 - surface.front * shadow


@lru_cache(maxsize=32)
def _grain(seed: int) -> np.ndarray:
    """A person's skin texture, (256, 256) with unit variance; it is fixed to the skin."""
    noise = np.random.default_rng(seed).standard_normal((256, 256), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.6)
    return smooth / smooth.std()


def _skin(identity: Identity, s: Surface) -> np.ndarray:
    cheeks = 0.16 * blob(s.side, s.y, 0.42, 0.22, 0.16, 0.13)
    nose = 0.14 * blob(s.x, s.y, 0, identity.nose_tip - 0.05, 0.09, 0.08)
    blush = ((cheeks + nose) * s.front)[..., None] * BLUSH
    grid = (np.clip((c + 1) * 127, 0, 255) for c in (s.x, s.y))
    grain = cv2.remap(_grain(identity.texture_seed), *grid, cv2.INTER_LINEAR)
    return identity.skin * (1 - blush) * (1 + 0.018 * grain)[..., None]


def _beard(albedo: np.ndarray, identity: Identity, s: Surface) -> np.ndarray:
    jaw = step(s.y - 0.30, 0.05) * step(s.side / 0.25 + (s.y - 0.30) / 0.25 - 1.0, 0.25)
    jaw *= 1 - 0.85 * blob(s.x, s.y, 0, identity.mouth_y, identity.mouth_width * 0.8, identity.lip_thickness * 1.2)
    mustache = 0.9 * blob(s.x, s.y, 0, identity.mouth_y - 0.11, 0.17, 0.028)
    return over(albedo, identity.hair * 1.05 + 0.02, identity.beard * s.front * np.maximum(jaw, mustache))


def _mouth(albedo: np.ndarray, identity: Identity, expression: Expression, s: Surface) -> np.ndarray:
    width = identity.mouth_width * (1 + 0.10 * expression.smile - 0.08 * expression.mouth)
    u = np.clip(s.x / width, -1.3, 1.3)
    profile, y, lip = arch(u), s.y, identity.lip_thickness
    drop = MOUTH_TRAVEL * expression.mouth * profile
    middle = identity.mouth_y + (0.010 - 0.060 * expression.smile) * u**2
    cupids_bow = 1 - 0.22 * ridge(u, 0.113)
    top, bottom = middle - lip * profile * cupids_bow, middle + 1.2 * lip * profile + drop
    gap_top, gap_bottom = middle - 0.25 * drop, middle + drop

    lips = step(y - top, 0.010) * (1 - step(y - bottom, 0.012)) * (np.abs(u) < 1) * s.front
    albedo = over(albedo, identity.lip, 0.85 * lips)
    gap = step(y - gap_top, 0.006) * (1 - step(y - gap_bottom, 0.006)) * (np.abs(u) < 0.96) * s.front
    teeth = step(gap_top + 0.042 * profile - y, 0.008) * (expression.mouth > 0.15)
    albedo = over(albedo, MOUTH_INSIDE + (TEETH - MOUTH_INSIDE) * teeth[..., None], gap)
    line = ridge(y - (gap_top + gap_bottom) / 2, 0.011) * (np.abs(u) < 1.03) * s.front
    albedo = darken(albedo, 0.62 * line * (1 - 0.8 * gap))
    corners = blob(s.side, y, width, identity.mouth_y - 0.03 * expression.smile, 0.026, 0.020) * s.front
    return darken(albedo, 0.45 * corners)


def _brows(albedo: np.ndarray, identity: Identity, s: Surface) -> np.ndarray:
    u = (s.side - identity.eye_x * 0.98) / identity.brow_width
    middle = identity.eye_y - identity.brow_rise - 0.10 * identity.brow_tilt * u + 0.045 * u**2
    thickness = identity.brow_thickness * (1.0 - 0.35 * np.clip(u, 0, 1))
    hairs = 0.85 + 0.15 * np.sin(70 * s.side + 40 * s.y)
    alpha = ridge(s.y - middle, thickness) * step(1 - np.abs(u), 0.08) * s.front * identity.brow_density * hairs
    return over(albedo, np.minimum(identity.hair * 0.75, 0.38), alpha)


def _eyes(albedo: np.ndarray, identity: Identity, expression: Expression, s: Surface, light: Light) -> np.ndarray:
    y, u = s.y, (s.side - identity.eye_x) / identity.eye_width
    opening = identity.eye_height * (1 - 0.96 * expression.blink)
    upper, lower = identity.eye_y - opening * arch(u), identity.eye_y + 0.72 * opening * arch(u)
    visible = step(y - upper, 0.007) * (1 - step(y - lower, 0.007)) * (np.abs(u) < 1) * s.front
    albedo = over(albedo, _eyeball(identity, expression, s, light, y - upper), visible)

    lashes = ridge(y - upper, 0.012) * step(1.06 - np.abs(u), 0.04)
    lower_lid = ridge(y - lower, 0.008) * step(1.0 - np.abs(u), 0.05)
    crease = ridge(y - (identity.eye_y - identity.eye_height * 1.55 * arch(0.9 * u)), 0.010) * (np.abs(u) < 1.05)
    for line, strength in ((lashes, 0.80), (lower_lid, 0.35), (crease, 0.28)):
        albedo = darken(albedo, strength * line * s.front)
    return albedo


def _eyeball(identity: Identity, expression: Expression, s: Surface, light: Light, below_lid: np.ndarray) -> np.ndarray:
    """White, iris, pupil and the lamp's reflection; the white is darker just below the upper lid."""
    white = EYE_WHITE * (0.80 + 0.20 * np.clip(below_lid / 0.06, 0, 1))[..., None]
    x = s.x - np.sign(s.x) * identity.eye_x - 0.04 * expression.gaze
    distance = np.sqrt(x**2 + (s.y - identity.eye_y + 0.006) ** 2)
    radius = identity.eye_width * 0.46
    iris = 1 - step(distance - radius, 0.008)
    eye = over(over(white, identity.iris, iris), PUPIL, 1 - step(distance - radius * 0.45, 0.006))
    reflection = 0.75 * blob(x, s.y, light.x * 0.03, identity.eye_y - 0.022, 0.010, 0.010) * iris
    return eye + reflection[..., None]
