"""Average weights of one architecture, as of a network before and after it was trained further (Wortsman et al. 2022).

python research/scripts/average_weights.py before/weights after/weights -o averaged
"""

import argparse
import sys
from pathlib import Path

import torch

from ccstereo.errors import WeightsError
from ccstereo.models import load_model, save_model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="folders, files or embedded names")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    try:
        models = [load_model(name) for name in options.weights]
        if any(model.config != models[0].config or model.name != models[0].name for model in models):
            raise WeightsError("the weights belong to different architectures")
        states = [model.state_dict() for model in models]
        mean = {
            key: torch.stack([state[key] for state in states]).mean(0) if value.is_floating_point() else value
            for key, value in states[0].items()
        }
        models[0].load_state_dict(mean)
        save_model(models[0], options.output, half=True)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
