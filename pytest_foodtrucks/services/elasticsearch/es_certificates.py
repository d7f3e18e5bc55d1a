"""A certificate for one Elasticsearch, and the authority that signs it and nothing else.

It needs the extra `tls`, and is imported where a certificate is made. The library is cryptography itself: trustme,
which stands on it, refuses names that containers may have, such as es_old and es--old.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.hostnames import is_address

_BEFORE: Final = timedelta(days=1)
"""Another machine's clock may be behind."""
_AFTER: Final = timedelta(days=3650)
"""A kept stack may be used for long."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certified:
    """PEM files: the authority's certificate, the server's, and the server's key."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)


def certified(names: Iterable[str]) -> Certified:
    """Return a new certificate for names and addresses, and for those of the loopback.

    Keys are of the curve P-256: making one takes less than a millisecond, of RSA's a tenth of a second. The authority's
    key is gone when this returns, so that nobody can sign another certificate.
    """
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _authority(authority)
    certificate = _signed(server.public_key(), dict.fromkeys((*names, *_LOOPBACK)), ca, authority)
    return Certified(
        ca=ca.public_bytes(Encoding.PEM),
        certificate=certificate.public_bytes(Encoding.PEM),
        key=server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return an authority's certificate; it has all that Python's strict verification asks for (since 3.13)."""
    name, public = _name("pytest-foodtrucks: the authority of one service"), key.public_key()
    return (
        _builder(name, name, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, SHA256())
    )


def _signed(
    public: ec.EllipticCurvePublicKey, names: Iterable[str], ca: x509.Certificate, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Return a server's certificate, likewise."""
    return (
        _builder(_name("pytest-foodtrucks: Elasticsearch"), ca.subject, public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(wall(), UTC)  # a test may have stopped datetime's own clock
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _BEFORE,
        not_valid_after=now + _AFTER,
    )


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name)
