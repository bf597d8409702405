#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ledger-cost.py WITH WITHOUT: what the ledger costs, as the rate of the pipeline with it and without it.

The two programs differ in nothing but the library they are linked with. They run in turn, in an order that changes, so
that what else happens on the machine hits both; the cost is the median of the ratios of neighbours. A figure is never a
reason to fail.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile


def measure(program, variant):
    """The rate of one run, in messages a second."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "result.json"
        subprocess.run([program, "--case", "pipeline-64", "--contender", "libipc", "--rounds", "1", "--" + variant,
                        "--json", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases[-1]["results"]["libipc"]["rate"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("with_ledger")
    parser.add_argument("without_ledger")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--variant", choices=("pin", "apart"), default="pin", help="one processor, or two")
    options = parser.parse_args()

    rates, costs = {True: [], False: []}, []
    for number in range(options.pairs):
        pair = {}
        for with_ledger in random.sample((True, False), 2):
            program = options.with_ledger if with_ledger else options.without_ledger
            pair[with_ledger] = measure(program, options.variant)
            rates[with_ledger].append(pair[with_ledger])
        costs.append(1 - pair[True] / pair[False])
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {options.pairs}", end="", file=sys.stderr, flush=True)

    with_rate, without_rate = statistics.median(rates[True]), statistics.median(rates[False])
    low, middle, high = statistics.quantiles(costs, n=4) if len(costs) > 1 else costs * 3
    print(f"pipeline-64, {options.variant}: {with_rate:,.0f} a second with the ledger, {without_rate:,.0f} without; "
          f"cost {middle:.1%} (half of {options.pairs} pairs between {low:.1%} and {high:.1%})")


if __name__ == "__main__":
    main()
