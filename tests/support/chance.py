# SPDX-License-Identifier: BSD-2-Clause
"""Tests of randomness: each gives a p-value, the chance that honest dice look as bad or worse."""

import math
from bisect import bisect_right


def gamma_tail(a, x):
    """The regularised upper incomplete gamma function Q(a, x)."""
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:  # the series of the lower one
        term = total = 1 / a
        n = a
        while abs(term) > abs(total) * 1e-14:
            n += 1
            term *= x / n
            total += term
        return 1 - total * scale
    b, c = x + 1 - a, 1e300  # Lentz's continued fraction
    d = 1 / b
    fraction = d
    for i in range(1, 10000):
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        fraction *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return fraction * scale


def chi_square(observed, weights):
    """Counts that should be in proportion to WEIGHTS."""
    scale = sum(observed) / sum(weights)
    value = sum((seen - weight * scale) ** 2 / (weight * scale)
                for seen, weight in zip(observed, weights))
    return gamma_tail((len(observed) - 1) / 2, value / 2)


def uniform(values, bins, low=0, high=65536, holes=()):
    """VALUES drawn from LOW to HIGH - 1, less HOLES, into BINS of about equal width."""
    edges = [low + (high - low) * i // bins for i in range(bins + 1)]
    weights = [b - a for a, b in zip(edges, edges[1:])]
    for hole in set(holes):
        if low <= hole < high:
            weights[bisect_right(edges, hole) - 1] -= 1
    observed = [0] * bins
    for value in values:
        if not low <= value < high:
            return 0.0
        observed[bisect_right(edges, value) - 1] += 1
    return chi_square(observed, weights)


def normal_tail(z):
    """Both tails of the normal distribution."""
    return math.erfc(abs(z) / math.sqrt(2))


def uncorrelated(values, lag=1):
    """No linear relation between a value and the one LAG later."""
    left, right = values[:-lag], values[lag:]
    n = len(left)
    mean_l, mean_r = sum(left) / n, sum(right) / n
    cov = sum((x - mean_l) * (y - mean_r) for x, y in zip(left, right))
    var_l = sum((x - mean_l) ** 2 for x in left)
    var_r = sum((y - mean_r) ** 2 for y in right)
    if not var_l or not var_r:
        return 0.0
    return normal_tail(cov / math.sqrt(var_l * var_r) * math.sqrt(n))


def same_distribution(left, right):
    """Two-sample Kolmogorov-Smirnov test."""
    left, right = sorted(left), sorted(right)
    distance = max(abs(bisect_right(left, x) / len(left) - bisect_right(right, x) / len(right))
                   for x in left + right)
    size = math.sqrt(len(left) * len(right) / (len(left) + len(right)))
    t = (size + 0.12 + 0.11 / size) * distance
    if t < 0.2:
        return 1.0
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 101))
    return min(1.0, max(0.0, total))
