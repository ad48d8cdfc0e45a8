"""Firmware that boots from the network: real programs, in qemu, on a tap of the server's namespace.

Without KVM; what each one is, and where it comes from, is told in README.md.
"""

import dataclasses
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.lab import Capture, Lab, Message, Process, ToolMissing
from tests.lab.servers import FastDHCP

CASE = Path(__file__).resolve().parents[2] / "docs/cases/boot.toml"
SENT = Path(__file__).parent / "sent"
CHADDR = bytes.fromhex("525400770001")
UUID = "77000000-0000-4000-8000-525400770001"
SERVER, BOOT_SERVER = "10.77.0.1", "10.77.0.8"
PATIENCE_S = 240.0
"""For what comes within 60 s on a machine that has nothing else to do."""
BOOTED = "booted by fastdhcp"
"""What the last thing that was loaded says on the console."""
IPXE_SCRIPT = f"#!ipxe\necho {BOOTED}\nsleep 3600\n"

X86 = ("qemu-system-x86_64", "-machine")
ARM = ("-machine", "virt", "-bios")
DRIVE = "if=pflash,format=raw"
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
IPXE_EFI = "/usr/lib/ipxe/snponly.efi"
IPXE_ROM = "/usr/lib/ipxe/qemu/efi-virtio.rom"
UBOOT_ARM, UBOOT_ARM64 = (f"/usr/lib/u-boot/qemu_{name}/u-boot.bin" for name in ("arm", "arm64"))
NO_PXE4, NO_PXE6 = (
    ("-fw_cfg", f"name=opt/org.tianocore/IPv{version}PXESupport,string=n") for version in (4, 6)
)
PACKAGES = {OVMF: "ovmf", IPXE_EFI: "ipxe", IPXE_ROM: "ipxe-qemu", UBOOT_ARM: "u-boot-qemu"}


@dataclasses.dataclass(frozen=True)
class Firmware:
    """One firmware: qemu's words for it, its network card (by default without qemu's own ROM, which
    is iPXE), and what it says on its console when the last of its requests was answered."""

    name: str
    argv: tuple[str, ...]
    card: str = "virtio-net-pci,romfile="
    last: str = f"^{BOOTED}"


FIRMWARE = (
    Firmware("ipxe-bios", (*X86, "pc,graphics=off", "-boot", "n"), "virtio-net-pci"),
    Firmware("ovmf-pxe", (*X86, "q35,smm=off", *NO_PXE6)),
    Firmware("ovmf-http", (*X86, "q35,smm=off", *NO_PXE6, *NO_PXE4)),
    Firmware("uboot-arm", ("qemu-system-arm", *ARM, UBOOT_ARM), last="Filename 'arm.efi'"),
    Firmware(
        "uboot-arm64",
        ("qemu-system-aarch64", "-cpu", "cortex-a57", *ARM, UBOOT_ARM64),
        last="Filename 'arm64.efi'",
    ),
)


class BootSite:
    """A server with a link srv0 for one machine, and a boot server of TFTP and HTTP beside it."""

    def __init__(self, lab: Lab, config: dict[str, object]) -> None:
        self.lab = lab
        lab.tap(f"server:srv0={SERVER}/22")
        lab.ip("server", "address", "add", f"{BOOT_SERVER}/22", "dev", "srv0")
        self.files = lab.folder / "files"
        self.files.mkdir()
        self._put_files()
        self.server = FastDHCP(lab, "server", config)
        self.capture = Capture(lab.netns("server"), "srv0", outgoing=True)
        lab.callback(self.capture)
        tftp = ("--enable-tftp", f"--tftp-root={self.files}", f"--listen-address={BOOT_SERVER}")
        plain = ("--no-daemon", "--conf-file=/dev/null", "--port=0", "--log-facility=-")
        lab.start("server", ["dnsmasq", *plain, *tftp])
        http = ("-m", "http.server", "--bind", BOOT_SERVER, "--directory", str(self.files), "80")
        self.http = lab.start("server", [sys.executable, "-u", *http], "http")

    def _put_files(self) -> None:
        for path, package in PACKAGES.items():
            if not Path(path).exists():
                raise ToolMissing(f"{path} is not there: apt-get install {package}")
        (self.files / "snponly.efi").write_bytes(Path(IPXE_EFI).read_bytes())
        (self.files / "boot.ipxe").write_text(IPXE_SCRIPT)
        (self.files / "boot.scr.uimg").write_bytes(uboot_script(f"echo {BOOTED}\n"))

    def start(self, firmware: Firmware) -> Process:
        """A machine with this firmware and nothing to boot from but its network card."""
        rest = ["-accel", "tcg", "-m", "256", "-uuid", UUID, "-nodefaults", "-display", "none",
                "-serial", "file:/dev/stdout", "-no-reboot",
                "-netdev", "tap,id=n0,ifname=srv0,script=no,downscript=no",
                "-device", f"{firmware.card},netdev=n0,mac={CHADDR.hex(':')}"]  # fmt: skip
        if firmware.name.startswith("ovmf"):
            variables = self.lab.folder / "variables.fd"
            variables.write_bytes(Path(OVMF_VARIABLES).read_bytes())
            rest += ["-drive", f"{DRIVE},readonly=on,file={OVMF}",
                     "-drive", f"{DRIVE},file={variables}",
                     "-object", "rng-random,id=r,filename=/dev/urandom",
                     "-device", "virtio-rng-pci,rng=r"]  # fmt: skip
        return self.lab.start("server", ["nice", *firmware.argv, *rest], firmware.name)


def uboot_script(text: str) -> bytes:
    """A script for U-Boot's ``source``: its header, the size of the one part, the text."""
    body = len(text).to_bytes(4, "big") + bytes(4) + text.encode()
    linux, invalid, script, plain = 5, 0, 6, 0

    def header(checksum: int) -> bytes:
        numbers = (0x27051956, checksum, 0, len(body), 0, 0, zlib.crc32(body))
        kinds = bytes((linux, invalid, script, plain))
        return b"".join(n.to_bytes(4, "big") for n in numbers) + kinds + bytes(32)

    return header(zlib.crc32(header(0))) + body


# ---- what they sent


def kept(name: str) -> list[Message]:
    """The messages of ``sent/NAME.hex``, one a line."""
    lines = (SENT / f"{name}.hex").read_text().split()
    return [Message.parse(bytes.fromhex(line)) for line in lines]


def names() -> list[str]:
    return sorted(path.stem for path in SENT.glob("*.hex"))


def distinct(messages: list[Message]) -> Iterator[Message]:
    """Without retransmissions: the first of each type, vendor class and user class."""
    seen = set()
    for message in messages:
        key = message.type, message.options.get(60), message.options.get(77)
        if key not in seen:
            seen.add(key)
            yield message


def essence(message: Message) -> tuple[object, ...]:
    """What is the same in every run: all but xid and secs."""
    kept = dataclasses.replace(message, xid=0, secs=0, raw=b"")
    return dataclasses.astuple(kept)


class Stopwatch:
    """When the first message of each kind came, in seconds since the machine was switched on."""

    def __init__(self) -> None:
        self.began = time.time()

    def table(self, capture: Capture, booted: float) -> str:
        frames = [f for f in capture.frames if {f.source[1], f.target[1]} & {67, 68}]
        rows = [(f.at - self.began, f.message.op, f.message.type) for f in frames]
        first = {kind: round(at, 1) for at, _, kind in reversed(rows)}
        return f"{len(rows)} messages, first of each type {first}, booted {booted:.1f} s"
