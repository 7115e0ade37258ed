"""The certificate of a grid that speaks https itself: the operator's own, or one that is made here, once.

A self-made one is signed by nobody: hosts and scripts believe it by its fingerprint, which join files carry.
"""

import contextlib
import datetime as dt
import hashlib
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server.config import BadSettings, Settings

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

FOLDER = "tls"
YEARS = 10
EARLY = dt.timedelta(days=2)
"""Computers whose clocks are behind find it valid too."""

_MOST_NAMES = 100


@dataclass(frozen=True)
class Certificate:
    """PEM files. `fingerprint`: SHA-256 of the certificate, hexadecimal, to be believed by; empty where an authority
    has signed it, for that one is renewed now and then."""

    certificate: Path
    key: Path
    fingerprint: str


def certificate_of(settings: Settings, listens_at: str) -> Certificate | None:
    """What this grid shows who connects; None where it speaks plain http. Makes one where it needs one and has none.

    `listens_at`: the address that it listens at. Raises BadSettings.
    """
    if settings.tls_certificate or settings.tls_key:
        if not (settings.tls_certificate and settings.tls_key):
            raise BadSettings("tls_certificate and tls_key belong together: set both, or neither")
        return _given(Path(settings.tls_certificate), Path(settings.tls_key))
    somebody_else_does = settings.https or settings.proxies > 0
    if settings.tls == "off" or somebody_else_does or is_loopback(listens_at):
        return None
    folder = settings.data / FOLDER
    pair = folder / "certificate.pem", folder / "key.pem"
    if not all(path.exists() for path in pair):
        _make(folder, names_of_machine(settings.host, settings.public_url))
    return Certificate(*pair, _fingerprint(_der(pair[0])))


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost"


def names_of_machine(host: str, public_url: str) -> list[str]:
    """By which names and addresses other machines may know this one."""
    import psutil

    found = [urlsplit(public_url).hostname or "", host, socket.gethostname(), socket.getfqdn(), "localhost"]
    for addresses in psutil.net_if_addrs().values():
        found += [one.address for one in addresses if one.family in (socket.AF_INET, socket.AF_INET6)]
    return [name for name in dict.fromkeys(found) if _is_name(name)][:_MOST_NAMES]


def _is_name(name: str) -> bool:
    """An address of one machine, or a host name: no address of any, and none that only means something on one line."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name)
        return not address.is_unspecified and not address.is_link_local
    return bool(name) and name.isascii() and name.replace("-", "").replace(".", "").isalnum()


def _given(certificate: Path, key: Path) -> Certificate:
    try:
        # With a password, for without one OpenSSL asks at the terminal: there is none when web is started again.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(
            f"tls_certificate {certificate} and tls_key {key} cannot be used: {error}. They have to be PEM files that "
            "belong together, the key without a password"
        ) from None
    der = _der(certificate)
    return Certificate(certificate, key, _fingerprint(der) if _is_self_made(der) else "")


def _der(certificate: Path) -> bytes:
    try:
        text = certificate.read_text("ascii")
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = text[text.index(begin) : text.index(end) + len(end)]
        return ssl.PEM_cert_to_DER_cert(first)
    except (OSError, ValueError) as error:
        raise BadSettings(f"the certificate {certificate} cannot be read: {error}") from None


def _fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def _is_self_made(der: bytes) -> bool:
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    return certificate.issuer == certificate.subject


def _make(folder: Path, names: list[str]) -> None:
    """The key for its owner alone; the certificate last, so that where it is the key is too."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / "key.pem", secret)
    _write(folder / "certificate.pem", _signed(key, names, dt.datetime.now(dt.UTC)))


def _signed(key: "ec.EllipticCurvePrivateKey", names: list[str], now: dt.datetime) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DAIG grid")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + dt.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        # Whoever adds it to a browser's authorities does not make one of it: it vouches for this grid alone.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _general_name(name: str) -> "x509.GeneralName":
    from cryptography import x509

    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for its owner alone."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
