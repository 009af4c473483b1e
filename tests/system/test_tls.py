"""SIP over TLS: phones that verify us, peers that are refused, certificates that are renewed, expired or not ours, and strangers
who begin handshakes and never end them."""
import contextlib
import re
import signal
import socket
import ssl

from lib import checks
from lib.certificates import Authority
from lib.voxlane import CONTROLPLANE, CORE4, Voxlane
from lib.world import Failure, wait_for
from test_calls import establish
from test_transports import memory_kb, talk_both_ways

OPTIONS = (b"OPTIONS sip:10.77.0.1;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 10.77.0.66;branch=z9hG4bK%d\r\n"
           b"From: <sip:x@10.77.0.66>;tag=a\r\nTo: <sip:10.77.0.1>\r\nCall-ID: %d@x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def tls_group(certificate, **keys):
    rows = "".join(f" {key} = {value};" for key, value in keys.items())
    return f'tls = {{ certificate = "{certificate}";{rows} }};'


def with_tls(world, start=True, **keys):
    """Voxlane with a certificate for its address, and the authority that signed it."""
    authority = Authority(world)
    certificate = authority.sign("server", f"IP:{CORE4},DNS:sip.example.com")
    group = tls_group(certificate, ca_file=f'"{authority.file}"', **keys)
    return Voxlane(world, start=start, transport='"udp", "tcp", "tls"', sip=group), authority


def secure(host, authority, certificate=None, name=CORE4, version=None):
    """A TLS connection to us that verifies our certificate."""
    context = ssl.create_default_context(cafile=authority.file)
    if certificate:
        context.load_cert_chain(certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(host.connect(CORE4, 5061), server_hostname=name)


def answer(connection, number=1):
    """The first line of what OPTIONS gets."""
    connection.sendall(OPTIONS % (number, number))
    return connection.recv(4096).split(b"\r\n")[0].decode()


def refused(attempt, what):
    try:
        attempt()
    except (ssl.SSLError, ConnectionError, socket.timeout):
        return
    raise Failure(f"{what} was let in")


def test_tls_phones_over_every_transport(world):
    """Alice over TLS calls Bob over UDP, TCP and TLS, and is called. (baresip 1.0.0 takes any certificate; who verifies is below.)"""
    voxlane, authority = with_tls(world)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", transport="tls", authority=authority.file)
    alice.wait_registered()
    for number, transport in ((12, "udp"), (13, "tcp"), (14, "tls")):
        bob = voxlane.phone(voxlane.lan.add(transport, str(number)), "2000", transport=transport, authority=authority.file)
        bob.wait_registered()
        talk_both_ways(voxlane, alice, bob)
        bob.process.stop()
        wait_for("end of Bob's registration", lambda: len(voxlane.rows("registrations")) == 1, 10)
    voxlane.stop()


def test_tls_versions_names_and_clients(world):
    """openssl's own client: versions, server names, plain SIP on the TLS port, client certificates by policy."""
    voxlane, authority = with_tls(world, start=False, verify_client='"required"', min_version='"1.3"',
                                  names='( { name = "voice.example.org"; certificate = "%s"; } )' % world.path("certificates/voice.pem"))
    authority.sign("voice", "DNS:voice.example.org")
    phone = authority.sign("phone", "URI:sip:1000@example.com")
    strange = Authority(world, "strange")
    voxlane.start_controlplane(alone=True)
    host = voxlane.lan.add("alice", "11")
    for name, subject in ((CORE4, "server"), ("sip.example.com", "server"), ("voice.example.org", "voice")):
        with secure(host, authority, phone, name) as connection:
            checks.equal(connection.getpeercert()["subject"], ((("commonName", subject),),), f"certificate for {name}")
            checks.equal(answer(connection), "SIP/2.0 200 OK", "answer over TLS")
    refused(lambda: answer(secure(host, authority, phone, version=ssl.TLSVersion.TLSv1_2)), "TLS 1.2")
    refused(lambda: answer(secure(host, authority)), "a client without certificate")
    text = host.run("sh", "-c", f"echo Q | timeout 5 openssl s_client -connect {CORE4}:5061 -tls1_1 2>&1", check=False)
    checks.true("Cipher is (NONE)" in text or "no protocols available" in text or "alert" in text, "TLS 1.1 was let in")
    with host.connect(CORE4, 5061) as plain:
        plain.settimeout(5)
        plain.sendall(OPTIONS % (7, 7))
        with contextlib.suppress(ConnectionError):
            checks.true(not plain.recv(4096).startswith(b"SIP/2.0"), "plain SIP was answered on the TLS port")
    refused(lambda: secure(host, strange), "our certificate, signed by nobody whom the client trusts,")
    wait_for("log line of a refused client", lambda: "no connection from" in voxlane.controlplane.output(), 5)
    voxlane.stop()


def test_tls_certificates_are_renewed_while_a_call_is_up(world):
    voxlane, authority = with_tls(world)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", transport="tls", authority=authority.file)
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000", transport="tls", authority=authority.file)
    watcher = voxlane.lan.add("watcher", "13")
    for phone in (alice, bob):
        phone.wait_registered()
    establish(alice, bob, "2000")
    old = secure(watcher, authority)
    serial = old.getpeercert()["serialNumber"]
    authority.sign("server", f"IP:{CORE4},DNS:sip.example.com")

    def reload(wanted):
        seen = len(voxlane.controlplane.output())
        voxlane.controlplane.popen.send_signal(signal.SIGHUP)
        wait_for(wanted, lambda: re.search(wanted, voxlane.controlplane.output()[seen:]), 10)

    reload("configuration reloaded; changed: nothing")
    with secure(watcher, authority) as connection:
        checks.true(connection.getpeercert()["serialNumber"] != serial, "the new certificate is not shown")
    checks.equal(answer(old), "SIP/2.0 200 OK", "answer on the connection from before")
    authority.sign("server", f"IP:{CORE4}", begin="20240101000000Z", end="20240201000000Z")
    reload(r"the configuration is not changed: \S+:\d+: the certificate .* expired on 2024-02-01 00:00:00 UTC")
    with secure(watcher, authority) as connection:
        checks.equal(answer(connection, 2), "SIP/2.0 200 OK", "answer with the certificate that is still in force")
    alice.talk(2)
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    voxlane.wait_quiet()
    checks.equal(voxlane.stats()["total_calls"], 1, "calls")
    voxlane.stop()


def test_tls_start_errors_name_file_and_line(world):
    authority = Authority(world)
    good, other = authority.sign("server", f"IP:{CORE4}"), authority.sign("other", "DNS:other")
    old = authority.sign("old", f"IP:{CORE4}", begin="20240101000000Z", end="20240201000000Z")
    rows = (
        (tls_group("/nowhere.pem"), 'the certificate "/nowhere.pem" cannot be read: No such file or directory'),
        (tls_group(old), f'the certificate "{old}" expired on 2024-02-01 00:00:00 UTC; renew it, or correct this machine\'s clock'),
        (tls_group(good, private_key=f'"{other}"'), f'the private key "{other}" does not belong to the certificate "{good}"'),
        (tls_group(good, ca_file='"/nowhere.crt"'), 'the certificates to trust, "/nowhere.crt" cannot be read'),
    )
    voxlane = Voxlane(world, start=False, transport='"tls"', sip="TLS-GROUP")
    with open(voxlane.config, encoding="utf-8") as file:
        template = file.read()
    for group, sentence in rows:
        for option in ([], ["--check-config"]):
            with open(voxlane.config, "w", encoding="utf-8") as file:
                file.write(template.replace("TLS-GROUP", group))
            process = voxlane.core.start("refused", CONTROLPLANE, "--config", voxlane.config, *option)
            checks.true(process.wait(10) != 0, f"it started in spite of: {sentence}")
            checks.true(f"voxlane.conf:1: {sentence}" in process.output(), f"{process.output().strip()} instead of {sentence}")


def test_tls_half_open_handshakes_hold_nothing(world):
    """Handshakes that never end, from several addresses, again and again: memory stays, phones get in and talk."""
    voxlane, authority = with_tls(world)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", transport="tls", authority=authority.file)
    alice.wait_registered()
    mallory = voxlane.lan.add("mallory", "66")
    for number in range(67, 70):
        mallory.ip("address", "add", f"10.77.0.{number}/24", "dev", "lan")
    hello = capture_hello()

    def flood(count):
        held = []
        with mallory.inside():
            for number in range(count):
                connection = socket.socket()
                connection.settimeout(2)
                with contextlib.suppress(OSError):
                    connection.bind((f"10.77.0.{66 + number % 4}", 0))
                    connection.connect((CORE4, 5061))
                    connection.sendall((b"", hello[:11], hello)[number % 3])
                    held.append(connection)
        return held

    held = flood(400)
    wait_for("limit of handshakes", lambda: voxlane.metric("voxlane_sip_tls_handshakes_total") > 0 and
             voxlane.metric("voxlane_sip_tls_handshaking") <= 200, 10)
    before = memory_kb(voxlane.controlplane)
    for _ in range(5):
        held += flood(400)
        for connection in held[:400]:
            connection.close()
        del held[:400]
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000", transport="tls", authority=authority.file)
    bob.wait_registered()
    establish(alice, bob, "2000")
    alice.talk(2)
    alice.hang_up()
    checks.true(memory_kb(voxlane.controlplane) - before < 8192, "half-open handshakes made the process grow by more than 8 MB")
    for connection in held:
        connection.close()
    wait_for("end of all handshakes", lambda: voxlane.metric("voxlane_sip_tls_handshaking") == 0, 15)
    voxlane.wait_quiet()
    voxlane.stop()


def capture_hello():
    """A client's first flight, as ssl makes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    session = context.wrap_bio(incoming, outgoing, server_hostname="sip.example.com")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()
