# SPDX-License-Identifier: Apache-2.0
"""Writes a pcap file of LLDP frames, each a random mix of valid TLVs.

usage: frames.py SEED COUNT FILE
"""

import random
import sys

from scapy.config import conf
from scapy.contrib import lldp
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import wrpcap

DESTINATIONS = ["01:80:c2:00:00:0e", "01:80:c2:00:00:03", "01:80:c2:00:00:00"]
IPV4, IPV6, MAC = 1, 2, 6  # address family numbers (IANA)

MAX_PDU = 1500

# Pieces of texts: what people write, other scripts, and what belongs in no text.
PIECES = [
    b"leaf", b"Ethernet1/7", b" ", b"-", b".example.net", b"to rack 7", b"1", b"(c)", b'"', b"\\", b"%", b"<&>",
    "Größe".encode(), "交换机".encode(), "é".encode(), "\U0001f600".encode(), "\u00a0".encode(), "\u202e".encode(),
    b"\r\n", b"\n", b"\t", b"\x1b[31m", b"\x7f", b"\x80", b"\xff\xfe", b"\xc3", b"\xe4\xba", b"\xed\xa0\x80", "\ufffd".encode(),
]
NUL = b"\x00"

CAPABILITIES = [
    "other", "repeater", "mac_bridge", "wlan_access_point", "router", "telephone", "docsis_cable_device",
    "station_only", "c_vlan_component", "s_vlan_component", "two_port_mac_relay",
    "reserved_1", "reserved_2", "reserved_3", "reserved_4", "reserved_5",
]

rnd = random.Random()


def octets(at_least, at_most):
    return rnd.randbytes(rnd.randint(at_least, at_most))


def mac():
    return ":".join("%02x" % b for b in rnd.randbytes(6))


def text(at_most):
    """A text, most often a plain one."""
    pieces = PIECES[:12] if rnd.random() < 0.5 else PIECES
    b = b"".join(rnd.choices(pieces, k=rnd.randint(1, 8)))
    if rnd.random() < 0.1:
        b += rnd.choice([NUL, NUL * 3, NUL + b"rest"])
    if rnd.random() < 0.03:
        b = (b * at_most)[:at_most]
    return b[:at_most]


def address():
    """A network address as family and octets."""
    family = rnd.choice([IPV4, IPV4, IPV6, MAC])
    return family, rnd.randbytes({IPV4: 4, IPV6: 16, MAC: 6}[family])


def address_text(family, b):
    if family == IPV4:
        return ".".join(map(str, b))
    return ":".join("%x" % int.from_bytes(b[i:i + 2], "big") for i in range(0, 16, 2))


def identifier(tlv, mac_subtype, address_subtype):
    """A chassis ID or port ID of any subtype."""
    subtype = rnd.randint(1, 7)
    if subtype == mac_subtype:
        return tlv(subtype=subtype, id=mac())
    if subtype == address_subtype:
        family = rnd.choice([IPV4, IPV6])
        return tlv(subtype=subtype, family=family, id=address_text(family, rnd.randbytes(4 if family == IPV4 else 16)))
    return tlv(subtype=subtype, id=text(255))


def capabilities():
    bits = {}
    for name in CAPABILITIES:
        available = rnd.random() < 0.3
        bits[name + "_available"] = int(available)
        bits[name + "_enabled"] = int(available and rnd.random() < 0.5)
    return lldp.LLDPDUSystemCapabilities(**bits)


def management_addresses():
    """Different addresses, since the same one twice is an error."""
    addresses = {address() for _ in range(rnd.choice([0, 0, 1, 1, 2, 5]))}
    return [
        lldp.LLDPDUManagementAddress(
            management_address_subtype=family, management_address=b,
            interface_numbering_subtype=rnd.randint(1, 3), interface_number=rnd.getrandbits(32),
            object_id=rnd.choice([b"", b"", bytes.fromhex("2b06010401")]))
        for family, b in sorted(addresses)
    ]


def organizational(oui, subtype, value):
    return lldp.LLDPDUGenericOrganisationSpecific(org_code=oui, subtype=subtype, data=value)


def extra():
    """What may stand behind the fields of a TLV: nothing most often."""
    return octets(1, 12) if rnd.random() < 0.15 else b""


def fixed(oui, subtype, value):
    """A TLV whose length follows from its fields, and now and then is greater."""
    return organizational(oui, subtype, value + extra())


def number(value, size):
    return value.to_bytes(size, "big")


def vlan_names():
    vids = rnd.sample(range(1, 4095), rnd.choice([0, 0, 0, 1, 2, 20]))
    for vid in vids:
        name = text(32 if rnd.random() < 0.9 else 255)
        yield fixed(0x0080c2, 3, number(vid, 2) + number(len(name), 1) + name)


def link_aggregation(oui, subtype):
    # Bits 2 to 4 of the status are the type of port (IEEE Std 802.1AX-2014, annex F).
    return fixed(oui, subtype, number(rnd.randint(0, 31), 1) + number(rnd.getrandbits(32), 4))


def network_policies():
    """One policy for each application, since another would be an error."""
    for application in rnd.sample(range(0, 256), rnd.choice([0, 0, 1, 2])):
        yield fixed(0x0012bb, 2, number(application, 1) + number(rnd.getrandbits(23) if rnd.random() < 0.5 else rnd.getrandbits(24), 3))


def dcbx():
    """What DCBX of IEEE 802.1Q says, with reserved bits that say nothing."""
    applications = b"".join(rnd.randbytes(3) for _ in range(rnd.choice([0, 1, 3, 20])))
    return [
        fixed(0x0080c2, 9, rnd.randbytes(21)),
        fixed(0x0080c2, 10, rnd.randbytes(21)),
        fixed(0x0080c2, 11, rnd.randbytes(2)),
        organizational(0x0080c2, 12, rnd.randbytes(1) + applications + octets(0, 2)),
    ]


def unknown():
    """TLVs that nobody knows, or that are not decoded."""
    for _ in range(rnd.choice([0, 0, 1, 3])):
        if rnd.random() < 0.3:
            value = octets(0, 40)
            yield number(rnd.randint(9, 126) << 9 | len(value), 2) + value
        else:
            # Protocol identity, power via MDI, power to the phone, inventory, and others' own.
            oui, subtype = rnd.choice([(0x0080c2, 4), (0x00120f, 2), (0x0012bb, 5), (0x0012bb, 11), (0x02005e, rnd.randint(0, 255)), (0xfacade, rnd.randint(0, 255))])
            value = octets(1, 8)
            if oui == 0x0080c2:
                value = number(len(value), 1) + value
            if oui == 0x00120f:
                value = octets(3, 3)
            yield organizational(oui, subtype, value)


def optional():
    """Optional TLVs in any order."""
    tlvs = [
        *management_addresses(), *vlan_names(), *network_policies(), *dcbx(), *unknown(),
        lldp.LLDPDUPortDescription(description=text(255)),
        lldp.LLDPDUSystemName(system_name=text(255)),
        lldp.LLDPDUSystemDescription(description=text(255)),
        capabilities(),
        fixed(0x0080c2, 1, number(rnd.choice([0, 1, 4094, 4095, rnd.randint(1, 4094)]), 2)),
        fixed(0x0080c2, 6, number(rnd.randint(0, 4095), 2)),
        link_aggregation(0x0080c2, 7),
        fixed(0x00120f, 1, number(rnd.randint(0, 3), 1) + rnd.randbytes(4)),
        link_aggregation(0x00120f, 3),
        fixed(0x00120f, 4, rnd.randbytes(2)),
    ]
    rnd.shuffle(tlvs)
    return [tlv for tlv in tlvs if rnd.random() < 0.7]


def frame():
    tlvs = [
        identifier(lldp.LLDPDUChassisID, 4, 5),
        identifier(lldp.LLDPDUPortID, 3, 4),
        lldp.LLDPDUTimeToLive(ttl=rnd.choice([0, 120, 120, 65535, rnd.randint(1, 65535)])),
    ]
    end = bytes(lldp.LLDPDUEndOfLLDPDU())
    pdu = b"".join(map(bytes, tlvs))
    for tlv in map(bytes, optional()):
        if len(pdu) + len(tlv) + len(end) <= MAX_PDU:
            pdu += tlv
    header = Ether(src=mac(), dst=rnd.choice(DESTINATIONS), type=0x88cc)
    if rnd.random() < 0.15:
        header = Ether(src=header.src, dst=header.dst, type=rnd.choice([0x8100, 0x88a8])) / Dot1Q(vlan=rnd.randint(0, 4094), type=0x88cc)
    return bytes(header) + pdu + end + rnd.choice([b"", b"", NUL * rnd.randint(1, 46)])


def main():
    seed, count, file = sys.argv[1:]
    rnd.seed(int(seed))
    # TLVs are built one by one, which scapy takes for a mistake.
    conf.contribs["LLDP"].strict_mode_disable()
    wrpcap(file, [frame() for _ in range(int(count))], linktype=1)


main()
