"""Versions, names of installers, signatures."""

import pytest

from volunteer.protocol.messages import Malformed, decode
from volunteer.protocol.releases import Manifest, is_newer, kind_of, platform_of, version_of
from volunteer.protocol.signatures import NoKey, is_signed, make_keys, public_of, sign

# RFC 8032, section 7.1, test 2: the private and the public key, one byte, and its signature.
PRIVATE = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def pem(kind: str, prefix: str, key: str) -> bytes:
    import base64

    body = base64.b64encode(bytes.fromhex(prefix + key)).decode()
    return f"-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n".encode()


def test_the_signature_is_that_of_the_rfc() -> None:
    private = pem("PRIVATE", "302e020100300506032b657004220420", PRIVATE)
    public = pem("PUBLIC", "302a300506032b6570032100", PUBLIC)
    assert public_of(private) == public
    assert sign(private, b"\x72").hex() == SIGNATURE
    assert is_signed(public, b"\x72", bytes.fromhex(SIGNATURE))


def test_only_the_same_bytes_by_the_same_key_are_signed() -> None:
    (private, public), (_, other) = make_keys(), make_keys()
    signature = sign(private, b"manifest")
    assert len(signature) == 64
    assert is_signed(public, b"manifest", signature)
    assert not is_signed(public, b"manifest ", signature)
    assert not is_signed(other, b"manifest", signature)
    assert not is_signed(public, b"manifest", signature[:-1])
    assert not is_signed(public, b"manifest", b"")


@pytest.mark.parametrize("what", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_called_so(what: bytes) -> None:
    with pytest.raises(NoKey):
        is_signed(what, b"", b"")
    with pytest.raises(NoKey):
        sign(what, b"")


def test_a_key_of_another_kind_is_none() -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    with pytest.raises(NoKey, match="Ed25519"):
        is_signed(public, b"", b"")
    with pytest.raises(NoKey, match="Ed25519"):
        sign(private, b"")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("0.2.0", "0.1.0", True), ("0.10.0", "0.9.9", True), ("1.0", "1.0.0", False), ("1.0.0.1", "1.0", True),
        ("0.1.0", "0.1.0", False), ("0.1.0", "0.2.0", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_numbers(one: str, other: str, newer: bool) -> None:
    assert is_newer(one, other) is newer


@pytest.mark.parametrize(
    ("name", "platform", "version"),
    [
        ("daig-volunteer_0.1.0_amd64.deb", "linux-x86_64", "0.1.0"),
        ("daig-volunteer_0.1.0_arm64.deb", "linux-aarch64", "0.1.0"),
        ("daig-volunteer-1.12-linux-x86_64.tar.gz", "linux-x86_64", "1.12"),
        ("daig-volunteer-0.1.0-windows-x64.exe", "windows-x86_64", "0.1.0"),
        ("daig-volunteer-0.1.0-setup-amd64.exe", "windows-x86_64", "0.1.0"),
        ("DAIG-Volunteer-0.1.0-arm64.dmg", "macos-arm64", "0.1.0"),
        ("daig-volunteer-0.1.0.dmg", None, "0.1.0"),
        ("daig-volunteer-linux-x86_64.tar.gz", "linux-x86_64", None),
        ("notes-0.1.0-x86_64.txt", None, "0.1.0"),
    ],
)
def test_a_name_says_platform_and_version(name: str, platform: str | None, version: str | None) -> None:
    assert (platform_of(name), version_of(name)) == (platform, version)
    assert (kind_of(name) is None) == name.endswith(".txt")


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../evil.deb"}, {"file": "a/b.deb"}, {"file": ".hidden"}, {"file": "a b.deb"}, {"file": ""},
        {"sha256": "00"}, {"size": 0}, {"size": 2**40}, {"size": "12"},
    ],
)  # fmt: skip
def test_a_manifest_cannot_name_a_strange_file(change: dict[str, object]) -> None:
    import msgspec

    file = {"platform": "linux-x86_64", "file": "a.deb", "size": 1, "sha256": "0" * 64}
    manifest = {"version": "1.0", "files": [file], "created_at": "2026-11-20T00:00:00Z"}
    assert decode(msgspec.json.encode(manifest), Manifest).files[0].file == "a.deb"
    with pytest.raises(Malformed):
        decode(msgspec.json.encode({**manifest, "files": [{**file, **change}]}), Manifest)
