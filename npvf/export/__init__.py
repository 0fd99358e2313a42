"""Networks of npvf for other run times: ONNX and torch.export, with a description of their inputs."""

from npvf.export.networks import Network, networks_of
from npvf.export.write import Exported, export_network

__all__ = ["Exported", "Network", "export_network", "networks_of"]
