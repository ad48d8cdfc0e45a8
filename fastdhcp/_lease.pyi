"""One record as Python holds it."""

class Lease:
    """One record, copied. Times are node time in seconds; addresses are integers."""

    number: int
    vrf: int
    address: int
    state: int
    flags: int
    htype: int
    chaddr: bytes
    key: bytes
    client_id: bytes
    relay_info: bytes
    hostname: bytes
    subnet_id: int
    class_id: int
    version: int
    change: int
    incarnation: tuple[int, int]
    expiry: int
    acked_expiry: int
    cltt: int
    start: int
    offer_key: int
    offer_until: int
    ring: int
    position: int
