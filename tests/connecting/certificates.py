"""Certificate authorities that last as long as a test."""

import base64
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Pair:
    """A certificate and its key, both in PEM."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)
        self._key = key
        self.key = self.encoded_key(serialization.NoEncryption())

    def encoded_key(self, encryption: serialization.KeySerializationEncryption) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    def user(self) -> dict[str, str]:
        """The user of a kubeconfig that shows this certificate."""
        return {"client-certificate-data": b64(self.certificate), "client-key-data": b64(self.key)}


class Authority:
    def __init__(self, title: str = "test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = name(title)
        built = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.pem = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, common_name: str, *hosts: str, days: int = 1) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._builder(name(common_name), key, days)
        if hosts:
            built = built.add_extension(
                x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False
            )
        return Pair(built.sign(self._key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 1
    ) -> x509.CertificateBuilder:
        until = datetime.now(UTC) + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - timedelta(days=2))
            .not_valid_after(until)
        )

    def server(self, *hosts: str, days: int = 1, clients: bool = False) -> ssl.SSLContext:
        """The server's side of TLS; with ``clients`` it insists on certificates of this authority."""
        pair = self.issue("server", *(hosts or ("127.0.0.1", "localhost")), days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "pair.pem"
            file.write_bytes(pair.certificate + pair.key)
            context.load_cert_chain(file)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem.decode())
        return context

    def cluster(self, url: str) -> dict[str, str]:
        """The cluster of a kubeconfig that trusts this authority."""
        return {"server": url, "certificate-authority-data": b64(self.pem)}


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
