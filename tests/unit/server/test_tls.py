"""When a grid makes a certificate of its own, what is in it, and that it is made once."""

import hashlib
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server import tls
from server.config import BadSettings, Settings
from tests.support.certificates import SelfMade


@pytest.mark.parametrize(
    ("listens_at", "changes", "speaks"),
    [
        ("0.0.0.0", {}, True),
        ("::", {}, True),
        ("192.0.2.7", {}, True),
        ("127.0.0.1", {}, False),
        ("127.0.1.1", {}, False),
        ("::1", {}, False),
        ("0.0.0.0", {"tls": "off"}, False),
        ("0.0.0.0", {"https": True}, False),
        ("0.0.0.0", {"proxies": 1}, False),
    ],
)
def test_a_grid_for_other_machines_speaks_https_unless_somebody_else_does_or_it_is_told_not_to(
    tmp_path: Path, listens_at: str, changes: dict[str, object], speaks: bool
) -> None:
    settings = Settings(data=tmp_path, **changes)  # type: ignore[arg-type]
    assert (tls.certificate_of(settings, listens_at) is not None) == speaks
    assert (tmp_path / "tls").exists() == speaks


def test_it_is_made_once_for_its_owner_alone_and_is_what_its_fingerprint_says(tmp_path: Path) -> None:
    first = tls.certificate_of(Settings(data=tmp_path), "0.0.0.0")
    assert first is not None
    assert first == tls.certificate_of(Settings(data=tmp_path), "0.0.0.0")
    assert first.key.stat().st_mode & 0o777 == 0o600
    der = ssl.PEM_cert_to_DER_cert(first.certificate.read_text())
    assert first.fingerprint == hashlib.sha256(der).hexdigest()
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["certificate.pem", "key.pem"]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(first.certificate, first.key)


def test_it_names_this_machine_lasts_ten_years_and_vouches_for_nothing_else(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host="192.0.2.7", public_url="https://grid.example.org/x")
    found = tls.certificate_of(settings, "192.0.2.7")
    assert found is not None
    made = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"grid.example.org", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    addresses = {ipaddress.ip_address("192.0.2.7"), ipaddress.ip_address("127.0.0.1")}
    assert addresses <= set(names.get_values_for_type(x509.IPAddress))
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days >= 3650
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_names_that_mean_nothing_elsewhere_are_left_out() -> None:
    names = tls.names_of_machine("0.0.0.0", "")
    assert "0.0.0.0" not in names
    assert not any(name.lower().startswith("fe80") or "%" in name for name in names)
    assert "localhost" in names


def test_the_operators_own_certificate_goes_before_and_is_pinned_only_if_nobody_signed_it(tmp_path: Path) -> None:
    made = SelfMade(tmp_path / "own")
    settings = Settings(data=tmp_path, tls_certificate=str(made.certificate), tls_key=str(made.key))
    found = tls.certificate_of(settings, "127.0.0.1")
    assert found is not None
    assert (found.certificate, found.fingerprint) == (made.certificate, made.fingerprint)
    assert not (tmp_path / "tls").exists()


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    made = SelfMade(tmp_path / "own")
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    closed = serialization.BestAvailableEncryption(b"a password")
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed)
    )
    settings = Settings(data=tmp_path, tls_certificate=str(made.certificate), tls_key=str(made.key))
    with pytest.raises(BadSettings, match="without a password"):
        tls.certificate_of(settings, "0.0.0.0")


def test_a_pair_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    one, other = SelfMade(tmp_path / "one"), SelfMade(tmp_path / "other")
    for certificate, key in ((one.certificate, ""), (one.certificate, other.key), (tmp_path / "none", one.key)):
        with pytest.raises(BadSettings, match="tls_"):
            tls.certificate_of(Settings(data=tmp_path, tls_certificate=str(certificate), tls_key=str(key)), "::")
