"""What benchmarks compare must be the same work: every way delivers every face, normalized alike."""

import pytest
import torch

from benchmarks import loading
from benchmarks.plan import ASSUMED, Job, table
from benchmarks.synthetic import Subject, batch_of, frames_of


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> loading.Benchmark:
    return loading.Benchmark(None, 6, tmp_path_factory.mktemp("faces"))


@pytest.mark.parametrize("way", loading.WAYS)
def test_every_way_delivers_every_face(bench: loading.Benchmark, way: str) -> None:
    batches = list(bench.batches(way, 0)(0))
    if way.startswith("incumbent"):
        images = torch.cat([image for image, _ in batches])
    else:
        images = torch.cat([bench.cpu(getattr(batch, "batch", batch)).image for batch in batches])
    assert images.shape == (6, 3, 256, 256) and images.dtype == torch.float32
    assert images.min() >= -1 and images.max() <= 1 and images.std() > 0.1


def test_testing_sees_the_same_pixels_either_way(bench: loading.Benchmark) -> None:
    [theirs] = [image for image, _ in bench.batches("incumbent_test", 0)(0)]
    [ours] = [bench.cpu(drawn.batch).image for drawn in bench.batches("test", 0)(0)]
    torch.testing.assert_close(theirs, ours)


def test_clips_and_pictures_have_batches_of_their_own() -> None:
    for name, shape in (("xception", (4, 3, 64, 64)), ("tall", (4, 4, 3, 64, 64))):
        cfg = Subject(name, "tiny").config()
        batch = batch_of(cfg, 4, torch.device("cpu"), frames_of(cfg))
        assert batch.image.shape == shape and batch.label.tolist() == [0, 1, 0, 1]


def test_the_plan_is_total_work_over_gpus_or_the_longest_job() -> None:
    even = [Job(str(number), "transformer", 1e9, 24_000_000) for number in range(80)]
    hours = sum(even[0].hours(ASSUMED))
    assert hours == pytest.approx((3 * 24e6 + 16_605 * 32) * 1e9 / 200e12 / 3600)
    found = table(even, ASSUMED, price=2.0)
    assert found["1"]["hours"] == pytest.approx(80 * hours, abs=0.1)
    assert found["8"]["hours"] == pytest.approx(80 * hours / 8 / 0.9, abs=0.1)
    one = table(even[:1], ASSUMED, price=2.0)
    assert one["64"]["hours"] == one["8"]["hours"], "more than a node does not help a single job"
