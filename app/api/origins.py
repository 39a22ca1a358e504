"""From where a request comes, as far as that can be believed, and the terms of signing in."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from fastapi import Request

from app.identity.rules import Role
from app.usecases.allowing import Allowance

Network = IPv4Network | IPv6Network
_UNKNOWN: Final = "unknown"
# Whoever has one IPv6 address usually has as many as they like of this network.
_ONE_HOUSEHOLD: Final = 64


@dataclass(frozen=True)
class SignInTerms:
    """On which terms one signs in, and how much one may ask for afterwards."""

    trusted_proxies: Sequence[Network]
    totp_roles: frozenset[Role]
    sign_ins: Allowance
    requests: Allowance
    device_requests: Allowance


def origin_of(request: Request, trusted: Sequence[Network]) -> str:
    """The network address of whoever asks; of an IPv6 address its network of 64 bits.

    `X-Forwarded-For` is read from the right, past our own proxies only: what stands before the first
    address that is none of them was written by whoever asks, and may say anything.
    """
    peer = request.client.host if request.client else ""
    chain = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    nearest = _address(peer)
    while nearest is not None and _is_ours(nearest, trusted) and chain:
        forwarded = _address(chain.pop().strip())
        if forwarded is None:
            break
        nearest = forwarded
    if nearest is None:
        return _UNKNOWN
    if isinstance(nearest, IPv6Address):
        return str(ip_network((nearest, _ONE_HOUSEHOLD), strict=False))
    return str(nearest)


def _is_ours(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found
