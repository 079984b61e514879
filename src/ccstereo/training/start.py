"""Where a training starts: from weights that fit, or can be made to fit, the model to be trained."""

from dataclasses import asdict

from ccstereo.errors import WeightsError
from ccstereo.models import SpatialModel, load_model, with_config


def start_from(model: SpatialModel, weights: str) -> None:
    """Copy weights into a model of the same configuration, or of one that `with_config` can give them to.

    Raises:
        WeightsError: they cannot be read, or belong to another architecture.
    """
    source = load_model(weights)
    if type(source) is not type(model):
        raise WeightsError(f"{weights}: belongs to {source.name}, the model to be trained is {model.name}")
    wanted, there = asdict(model.config), asdict(source.config)
    try:
        source = with_config(source, **{name: value for name, value in wanted.items() if there[name] != value})
    except ValueError as error:
        raise WeightsError(f"{weights}: do not fit the model to be trained: {error}") from error
    model.load_state_dict(source.state_dict())
