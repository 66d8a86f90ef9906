"""Energy is read where the machine tells it, else estimated, and says which."""

from pathlib import Path

from training.energy import WATTS_A_CORE, Estimate, Rapl, meter


def package(powercap: Path, name: str, microjoules: int, wraps_at: int = 1_000_000_000) -> Path:
    zone = powercap / name
    zone.mkdir(parents=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text(f"{wraps_at}\n")
    return zone


def test_packages_add_up_and_cores_are_not_counted_twice(tmp_path: Path) -> None:
    first, second = (package(tmp_path, f"intel-rapl:{n}", 5_000_000) for n in (0, 1))
    package(tmp_path, "intel-rapl:0:0", 7_000_000)  # the cores of the first package
    rapl = meter(tmp_path)
    assert isinstance(rapl, Rapl)
    before = rapl.joules()
    (first / "energy_uj").write_text("7000000")
    (second / "energy_uj").write_text("6000000")
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("9000000")
    assert rapl.joules() - before == 3.0


def test_a_counter_that_begins_anew(tmp_path: Path) -> None:
    zone = package(tmp_path, "intel-rapl:0", 9_000_000, wraps_at=10_000_000)
    rapl = Rapl([zone])
    before = rapl.joules()
    (zone / "energy_uj").write_text("500000")
    assert rapl.joules() - before == 1.5


def test_without_counters_it_is_an_estimate_and_says_so(tmp_path: Path) -> None:
    estimate = meter(tmp_path)
    assert isinstance(estimate, Estimate)
    assert estimate.source == "estimated"
    before = estimate.joules()
    sum(range(3_000_000))
    # Between some of one core's time and a minute of eight.
    assert 0 < estimate.joules() - before < 60 * 8 * WATTS_A_CORE
