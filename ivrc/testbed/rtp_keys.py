"""Press keys as RFC 4733 events from a socket of its own: `python rtp_keys.py PORT DIGITS`.

SIPp's own keys need a raw socket, hence root, and go out with payload type 96 whatever the offer said.
Asterisk (with strictrtp off) takes events from any address on loopback, so this plain UDP sender serves
everybody. It imports the standard library only and starts in 20 ms: SIPp runs it for every `key`.
"""

import socket
import struct
import sys
import time

PAYLOAD_TYPE = 101  # as sip_xml.py offers it
HELD, GAP = 0.10, 0.06  # seconds a key is held, and between keys
_CODES = {digit: code for code, digit in enumerate("0123456789*#ABCD")}


def packets(digit: str, sequence: int, timestamp: int) -> list[bytes]:
    """The RTP packets of one key: every 20 ms a longer duration, then the end.

    The end goes out once, not three times: nothing is lost on loopback, and Asterisk takes a repeated end for
    a second key when a packet of another source (SIPp's audio) comes in between.
    """
    steps = round(HELD / 0.02)
    found = []
    for index in range(steps + 1):
        end = index >= steps
        duration = min(index + 1, steps) * 160
        marker = 0x80 if index == 0 else 0
        header = struct.pack("!BBHII", 0x80, marker | PAYLOAD_TYPE, (sequence + index) & 0xFFFF, timestamp, 0x1BADCA11)
        found.append(header + struct.pack("!BBH", _CODES[digit], 10 | (0x80 if end else 0), duration))
    return found


def send(port: int, digits: str) -> None:
    """Send the keys to 127.0.0.1:port; takes 0.18 s a key."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        sequence = int(time.time() * 50) & 0x7FFF
        for digit in digits:
            # Asterisk drops an event whose time is not later than the last one's: take the wall clock's.
            timestamp = int(time.time() * 8000) & 0x7FFFFFFF
            for packet in packets(digit, sequence, timestamp):
                out.sendto(packet, ("127.0.0.1", port))
                time.sleep(0.02)
            sequence += 20
            time.sleep(GAP)


if __name__ == "__main__":
    send(int(sys.argv[1]), sys.argv[2])
