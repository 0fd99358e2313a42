"""The networks: `create_model`, their inputs, and the parts they are made of."""

from npvf.models.batch import Batch, Features, InputSpec
from npvf.models.npv import NPV, NPVConfig
from npvf.models.registry import create_model, list_models

__all__ = ["NPV", "Batch", "Features", "InputSpec", "NPVConfig", "create_model", "list_models"]
