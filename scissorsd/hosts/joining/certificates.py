"""The hub's own CA, and the certificate by which the broker proves its name.

Both last ten years, since what runs out unseen stops a studio; `hub init` done again renews the
certificate in its last year.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEAR: Final = dt.timedelta(days=365)
_LASTS: Final = 10 * _YEAR
_EARLIER: Final = dt.timedelta(days=1)  # a machine's clock may be behind this one's
_CA_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scissorsd hub CA")])
_USES: Final = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


def new_key() -> bytes:
    """Return a new private key (PEM)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def new_ca(key: bytes) -> bytes:
    """Return the certificate (PEM) of a CA that has this key."""
    private = _private(key)
    made = (
        _begun(_CA_NAME, private.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(**_USES | {"key_cert_sign": True, "crl_sign": True}), critical=True
        )
        .sign(private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def new_certificate(ca_key: bytes, key: bytes, names: Iterable[str]) -> bytes:
    """Return a server's certificate (PEM) for its names, host names or addresses."""
    named = [_general_name(name) for name in names]
    authority = _private(ca_key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scissorsd hub")])
    made = (
        _begun(subject, _private(key).public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
        .add_extension(x509.KeyUsage(**_USES | {"digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
        .sign(authority, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def names_of(certificate: bytes, ca: bytes, key: bytes) -> tuple[str, ...]:
    """Return the names in a certificate; none if it is not of this CA or key, or ends in a year.

    Raises ValueError where one of the three is not what it should be.
    """
    found = x509.load_pem_x509_certificate(certificate)
    try:
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    except (InvalidSignature, TypeError, ValueError):
        return ()
    if found.public_key() != _private(key).public_key():
        return ()
    if found.not_valid_after_utc < dt.datetime.now(dt.UTC) + _YEAR:
        return ()
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in named)


def is_of_key(ca: bytes, key: bytes) -> bool:
    """Whether a CA's certificate is that of a key. Raises ValueError."""
    return x509.load_pem_x509_certificate(ca).public_key() == _private(key).public_key()


def _begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_CA_NAME)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _private(key: bytes) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key, None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ValueError("it is a key of another kind")  # noqa: TRY004 - as for other contents
    return loaded


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
