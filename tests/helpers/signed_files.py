"""Files with Content Credentials, signed by a newsroom that exists only in the tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MANIFEST = {
    "claim_generator_info": [{"name": "Test Generator", "version": "3"}],
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": SOURCE_TYPE,
                        "softwareAgent": {"name": "Made-up Video Model"},
                    }
                ]
            },
        }
    ],
}
NO_USAGE = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
    False,
)


def sign(source: Path, out: Path) -> bytes:
    """Sign a file into another one. Returns the certificate of the authority behind the signature, as PEM."""
    root, camera = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("root", root, root, authority=True)
    chain = _certificate("camera", camera, root, authority=False) + authority
    key = camera.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
    context = c2pa.Context.from_dict({"verify": {"verify_after_sign": False, "verify_trust": False}})
    with c2pa.Builder(json.dumps(MANIFEST), context=context) as builder:
        builder.sign_file(str(source), str(out), signer)
    return authority


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, root: ec.EllipticCurvePrivateKey, authority: bool
) -> bytes:
    start = datetime.now(UTC) - timedelta(days=1)
    usage = x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **NO_USAGE)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return made.sign(root, SHA256()).public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Newsroom"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
