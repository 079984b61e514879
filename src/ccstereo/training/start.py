"""Where a training starts: weights of the very model that is to be trained."""

from ccstereo.errors import WeightsError
from ccstereo.models import load_model
from ccstereo.models.base import SpatialModel


def start_from(model: SpatialModel, weights: str) -> None:
    """Copy weights into a model of the same architecture and configuration.

    Raises:
        WeightsError: they cannot be read, or are another model's.
    """
    source = load_model(weights)
    check_same_model(weights, source, model)
    model.load_state_dict(source.state_dict())


def check_same_model(name: str, found: SpatialModel, wanted: SpatialModel) -> None:
    """Refuse weights of another architecture or configuration.

    Args:
        name: of the weights.
        found: the model they are of.
        wanted: the model to be trained.

    Raises:
        WeightsError: they differ; the message says in what.
    """
    there, here = ({"model": model.name, **model.config.to_dict()} for model in (found, wanted))
    differ = [key for key in {**here, **there} if there.get(key) != here.get(key)]
    if differ:
        values = ", ".join(f"{key} {there.get(key)} instead of {here.get(key)}" for key in differ[:3])
        more = f" and {len(differ) - 3} more" if len(differ) > 3 else ""
        raise WeightsError(f"{name} is of another model than the one to be trained ({values}{more})")
