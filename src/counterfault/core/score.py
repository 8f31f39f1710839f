"""Verdicts to rates: the mean over traces, and an interval that knows that attempts of one trace are not independent.

A naive interval over pooled attempts that claims 95 % covers far less, for attempts of one trace tend to pass or fail
together. Void and unknown stand beside the rate, as counts and as bounds, never inside it. Shares are added as
fractions, so that a rate depends neither on the order of the attempts nor on rounding.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import get_args

from counterfault.core.outcome import Verdict

_TAIL = 0.025  # either side of a 95 % interval
_NEAR_ONE = Fraction(19, 20)
_FEW_TRACES = 10
_FINEST = 1e-30  # a quantile this near to 0 is 0
_MAX_TERMS = 10_000  # the fraction needs about √max(a, b) terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One judged attempt, as far as a rate needs it.

    `reached` says that the agent made the mutated call, `delivered` that the mutated answer was handed over; for a
    control, which has nothing to deliver, both are True.
    Raises ValueError on a row that no judge can have meant: it would be a green without delivery, or vanish.
    """

    trace_id: str
    arm: str
    family: str
    operator: str
    outcome: str
    verdict: Verdict
    delivered: bool
    reached: bool
    needless: bool

    def __post_init__(self) -> None:
        where = f"in an attempt of trace {self.trace_id!r}, operator {self.operator!r}"
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict {self.verdict!r} {where}: expected one of {get_args(Verdict)}; judge it again")
        if self.delivered and not self.reached:
            raise ValueError(f"delivered=True with reached=False {where}: what was delivered was reached; set reached")
        if self.arm == "mutant" and self.verdict != "void" and not self.delivered:
            raise ValueError(
                f"verdict {self.verdict!r} without delivery {where}: expected 'void', for the mutation never arrived"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A pass rate with its 95 % interval, its bounds and the counts it was made of.

    `rate` is the mean over traces of the share of decided attempts that passed, from 0 to 1; with `low` and `high` it
    is None where nothing was decided. `lower_bound` and `upper_bound` are that mean if all undecided delivered attempts
    (unknown, or void as unresolved) had failed, or passed; 0 and 1 where there is no attempt to take a mean of.
    `traces` counts traces with a decided attempt; `attempts` = passed + failed + unknown + void
    = delivered + not_delivered + not_reached; `passed` = recovered + escalated, of which `needless` are escalations.
    """

    rate: float | None
    low: float | None
    high: float | None
    lower_bound: float
    upper_bound: float
    attempts: int
    traces: int
    passed: int
    recovered: int
    escalated: int
    needless: int
    failed: int
    unknown: int
    void: int
    unresolved: int
    not_reached: int
    not_delivered: int
    delivered: int
    exercised: bool

    @property
    def decided(self) -> int:
        """Attempts that passed or failed."""
        return self.passed + self.failed


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    failed: int = 0
    undecided: int = 0


def rate(rows: Iterable[Scored]) -> Rate:
    """The rate of the attempts of one arm.

    Raises ValueError where arms are mixed: controls inside a rate under fault injection would flatter it.
    """
    rows = tuple(rows)
    if len(arms := {row.arm for row in rows}) > 1:
        raise ValueError(f"arms {sorted(arms)!r} in one rate: expected the rows of one arm; select them by row.arm")
    tallies = _tallies(rows)
    decided = [tally for tally in tallies if tally.passed or tally.failed]
    shares = [Fraction(tally.passed, tally.passed + tally.failed) for tally in decided]
    low, high = interval(shares, sum(tally.passed + tally.failed for tally in decided)) if shares else (None, None)
    passed = [row for row in rows if row.verdict == "pass"]
    delivered = sum(row.delivered for row in rows)
    reached = sum(row.reached for row in rows)
    return Rate(
        rate=float(_mean(shares)) if shares else None,
        low=low,
        high=high,
        lower_bound=_bound(tallies, undecided_pass=False),
        upper_bound=_bound(tallies, undecided_pass=True),
        attempts=len(rows),
        traces=len(shares),
        passed=len(passed),
        recovered=sum(row.outcome == "recovered" for row in passed),
        escalated=sum(row.outcome == "escalated" for row in passed),
        needless=sum(row.needless for row in passed),
        failed=sum(row.verdict == "fail" for row in rows),
        unknown=sum(row.verdict == "unknown" for row in rows),
        void=sum(row.verdict == "void" for row in rows),
        unresolved=sum(row.outcome == "unresolved" for row in rows),
        not_reached=len(rows) - reached,
        not_delivered=reached - delivered,
        delivered=delivered,
        exercised=delivered > 0,
    )


def by_family(rows: Iterable[Scored]) -> dict[str, Rate]:
    """One rate a family, in the order of names. Raises as `rate` does."""
    return _grouped(rows, lambda row: row.family)


def by_operator(rows: Iterable[Scored]) -> dict[str, Rate]:
    """One rate an operator, in the order of names. Raises as `rate` does."""
    return _grouped(rows, lambda row: row.operator)


def headline(rate: Rate, what: str) -> str:
    """One line for people: rate, traces, pooled attempts and interval; `what` says under which condition."""
    if rate.rate is None or rate.low is None or rate.high is None:
        return (
            f"nothing was decided {what}: {_count(rate.attempts, 'attempt')}, {rate.delivered} delivered, "
            f"{rate.unknown} unknown, {rate.void} void"
        )
    return (
        f"{100 * rate.rate:.1f} % (mean over {_count(rate.traces, 'trace')}; {rate.passed} of "
        f"{_count(rate.decided, 'attempt')}) passed {what}, 95 % CI {100 * rate.low:.0f}–{100 * rate.high:.0f}"
    )


def interval(shares: Sequence[Fraction], decided: int) -> tuple[float, float]:
    """The 95 % interval for the mean of the traces' pass shares; `decided` is the number of attempts behind them.

    Wilson's interval at the effective number of attempts, p(1 − p) over the squared standard error between traces, with
    Student's t for z: Korn & Graubard, Survey Methodology 24 (1998), with Wilson's in place of the exact interval.
    Near 1, without any spread or with few traces the standard error is no guide; there it is Clopper–Pearson with the
    trace as the unit. Rounding down to whole traces can push its upper limit below the mean, which then is the limit.
    """
    traces, p = len(shares), _mean(shares)
    spread = sum(((share - p) ** 2 for share in shares), start=Fraction(0))
    if p > _NEAR_ONE or spread == 0 or traces < _FEW_TRACES:
        low, high = clopper_pearson(math.floor(traces * p), traces)
    else:
        squared_error = spread / (traces - 1) / traces
        effective = min(max(p * (1 - p) / squared_error, Fraction(1)), Fraction(decided))
        low, high = wilson(float(p), float(effective), student_t_quantile(1 - _TAIL, traces - 1))
    return min(low, float(p)), max(high, float(p))


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval (JASA 22, 1927) for share `p` of `n` trials, which may be fractional."""
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def clopper_pearson(passed: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval for `passed` of `n` trials, by Beta quantiles (Clopper & Pearson, Biometrika 26, 1934)."""
    low = beta_quantile(_TAIL, passed, n - passed + 1) if passed > 0 else 0.0
    high = beta_quantile(1 - _TAIL, passed + 1, n - passed) if passed < n else 1.0
    return low, high


def student_t_quantile(q: float, df: float) -> float:
    """The `q` quantile, 0 < q < 1, of Student's t with `df` degrees of freedom: t² ÷ (df + t²) ~ Beta(1/2, df/2)."""
    share = beta_quantile(abs(2 * q - 1), 0.5, df / 2)
    return math.copysign(math.sqrt(df * share / (1 - share)), q - 0.5)


def beta_quantile(q: float, a: float, b: float) -> float:
    """The `q` quantile, 0 < q < 1, of Beta(a, b), by bisection to the last bit."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high and high - low > _FINEST:
        if _beta_cdf(middle, a, b) < q:
            low = middle
        else:
            high = middle
    return middle


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function at 0 < x < 1, https://dlmf.nist.gov/8.17.E22."""
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only below; above, its reflection does
        return 1 - math.exp(log_front) / b / _beta_fraction(1 - x, b, a)
    return math.exp(log_front) / a / _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d₁/(1 + d₂/(1 + …)) by the modified Lentz method (Press et al., Numerical Recipes, 5.2)."""
    tiny = 1e-300  # stands for a denominator that vanished
    value = numerator = 1.0
    denominator = 0.0
    for term in range(1, _MAX_TERMS):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / ((1 + d * denominator) or tiny)
        numerator = (1 + d / numerator) or tiny
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-15:
            return value
    raise ArithmeticError(f"Beta({a!r}, {b!r}) at {x!r}: no limit within {_MAX_TERMS} terms; expected a, b under 10⁷")


def _tallies(rows: Iterable[Scored]) -> list[_Tally]:
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    for row in rows:
        if row.verdict == "pass":
            tallies[row.trace_id].passed += 1
        elif row.verdict == "fail":
            tallies[row.trace_id].failed += 1
        elif row.delivered and (row.verdict == "unknown" or row.outcome == "unresolved"):
            tallies[row.trace_id].undecided += 1
    return list(tallies.values())


def _bound(tallies: Sequence[_Tally], *, undecided_pass: bool) -> float:
    if not tallies:
        return float(undecided_pass)
    shares = (
        Fraction(tally.passed + undecided_pass * tally.undecided, tally.passed + tally.failed + tally.undecided)
        for tally in tallies
    )
    return float(_mean(tuple(shares)))


def _grouped(rows: Iterable[Scored], name: Callable[[Scored], str]) -> dict[str, Rate]:
    groups: defaultdict[str, list[Scored]] = defaultdict(list)
    for row in rows:
        groups[name(row)].append(row)
    return {group: rate(groups[group]) for group in sorted(groups)}


def _mean(shares: Sequence[Fraction]) -> Fraction:
    return sum(shares, start=Fraction(0)) / len(shares)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
