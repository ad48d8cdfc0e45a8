"""Look-ups in the policy image, and its Python readers (rows are dicts by field of _image.pxd)."""

from collections.abc import Mapping
from typing import Any

STRUCT_SIZES: Mapping[str, int]

class ImageView:
    """A policy image. Raises ValueError for what is no image of this layout, or is cut."""

    def __init__(self, buffer: bytes | bytearray | memoryview) -> None: ...
    def header(self) -> dict[str, Any]:
        """All fields of the image's head; tables as {at, count}."""
    def network(self, index: int) -> dict[str, Any]: ...
    def subnet(self, index: int) -> dict[str, Any]: ...
    def pool(self, index: int) -> dict[str, Any]: ...
    def params(self, index: int) -> dict[str, Any]: ...
    def interface(self, index: int) -> dict[str, Any]: ...
    def members(self, network: int) -> list[int]:
        """Subnet indexes of a network."""
    def layer(self, index: int) -> dict[int, bytes]:
        """Options of a layer: code to value."""
    def sending(self, index: int) -> dict[int, str]:
        """What a layer says of options beside their values: code to "always" or "never"."""
    def octets(self, at: int, size: int) -> bytes:
        """Octets of the image: a name, an identifier, a value."""
    def find_subnet(self, vrf: int, address: int) -> int | None: ...
    def find_pool(self, vrf: int, address: int) -> int | None: ...
    def find_interface(self, ifindex: int) -> int | None: ...
    def network_number(self, vrf: int, address: int) -> int:
        """The number of the network that holds an address; 0: none."""
    def is_own(self, vrf: int, address: int) -> bool: ...
    def find_agent(self, giaddr: int) -> dict[str, Any] | None:
        """The row of the relay agent with this giaddr, or None."""
    def find_vpn(self, vss: bytes) -> int | None:
        """The VRF that VSS information names, or None."""
    def pool_mask(self, pool: int, block: int) -> int:
        """Which addresses of a block the pool may give: bit i of the number is address i."""
