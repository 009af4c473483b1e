"""RTP seen and sent by tests themselves: counted in the kernel, timed packet by packet, forged."""
import ctypes
import socket
import struct
import threading
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OUTGOING = 4
SO_ATTACH_FILTER = 26
# Classic BPF: IPv4 and UDP, packet type (outgoing or not) as asked, destination or source port within a range.
LD_W, LD_H, LD_B, LDX_MSH, LD_H_IND, JEQ, JGE, JGT, RET = 0x20, 0x28, 0x30, 0xB1, 0x48, 0x15, 0x35, 0x25, 0x06
SKF_AD_PKTTYPE = 0xFFFFF004


def program(is_outgoing, port_min, port_max, offset):
    """offset: 0 looks at the source port, 2 at the destination port."""
    rows = [(LD_W, 0, 0, SKF_AD_PKTTYPE), (JEQ, 0, 9, PACKET_OUTGOING) if is_outgoing else (JEQ, 9, 0, PACKET_OUTGOING),
            (LD_H, 0, 0, 12), (JEQ, 0, 7, 0x0800), (LD_B, 0, 0, 23), (JEQ, 0, 5, 17), (LDX_MSH, 0, 0, 14),
            (LD_H_IND, 0, 0, 14 + offset), (JGE, 0, 2, port_min), (JGT, 1, 0, port_max), (RET, 0, 0, 0x40000), (RET, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)


def packet_socket(host, interface, is_outgoing, port_min, port_max, offset):
    with host.inside():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        code = ctypes.create_string_buffer(program(is_outgoing, port_min, port_max, offset))
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                        struct.pack("HL", len(code) // 8, ctypes.addressof(code)))
        sock.bind((interface, ETH_P_ALL))
    return sock


class Counter:
    """Counts UDP packets that pass an interface, in the kernel, however fast they come. `offset`: 0 source, 2 destination port."""

    def __init__(self, host, interface, is_outgoing, port_min, port_max, offset=2):
        self.total = 0
        self.socket = packet_socket(host, interface, is_outgoing, port_min, port_max, offset)

    def count(self):
        self.total += struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        return self.total


class Watch:
    """Takes down when each packet of a call arrives at a host, and its sequence number."""

    def __init__(self, host, interface, port_min, port_max, offset=0):
        self.socket = packet_socket(host, interface, False, port_min, port_max, offset)
        self.socket.settimeout(0.2)
        self.packets, self.is_running = [], True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_running:
            try:
                data = self.socket.recv(2048)
            except socket.timeout:
                continue
            size = 14 + (data[14] & 15) * 4 + 8
            if len(data) >= size + 12 and data[size] >> 6 == 2 and not 192 <= data[size + 1] <= 223:
                self.packets.append((time.monotonic(), struct.unpack_from("!H", data, size + 2)[0]))

    def stop(self):
        self.is_running = False
        self.thread.join()
        return self

    def longest_gap_s(self):
        times = [at for at, _ in self.packets]
        return max((b - a for a, b in zip(times, times[1:])), default=float("inf"))

    def lost(self):
        numbers = [number for _, number in self.packets]
        return sum(((b - a) & 0xFFFF) - 1 for a, b in zip(numbers, numbers[1:]) if (b - a) & 0xFFFF < 0x8000)


def packet(sequence, timestamp, ssrc, payload=b"\xff" * 160, payload_type=0):
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
