#!/usr/bin/env bash
# Runs unit tests of oml-engine on an emulated processor with AVX-512, for machines without one:
# Bochs boots a Linux kernel whose only program is the test binary. Arguments are filters of tests,
# "cpu::" if none is given.
#
# BOCHS names the emulator, PROCESSOR one of its models (bochs --help cpu), MEMORY its MiB.
# Debian's Bochs 2.7 is a debugger and slow, and has no bfloat16. Bochs 3 without a debugger,
#   ./configure --enable-x86-64 --enable-avx --enable-evex --enable-all-optimizations --with-nogui
# is several times faster, and its model sapphire_rapids has bfloat16.
#
# Needed: bochs and bochsbios, for the display of Debian's Bochs also bochs-term. Nothing is
# installed: further packages are downloaded and unpacked under target/avx512.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/avx512
files=$work/unpacked
bochs=${BOCHS:-bochs}
bios=/usr/share/bochs
for command in "$bochs" apt-get dpkg-deb ldd script strip; do
    command -v "$command" > /dev/null || { echo "missing: $command" >&2; exit 1; }
done
[ -f $bios/BIOS-bochs-latest ] || { echo "missing: Debian's package bochsbios" >&2; exit 1; }

# The kernel, a shell and a boot loader, from Debian.
mkdir -p "$work/packages" "$work/unpacked"
if [ ! -d "$work/unpacked/boot" ]; then
    kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
    echo "downloading $kernel, busybox-static, isolinux, syslinux-common, genisoimage" >&2
    (cd "$work/packages" && apt-get -q download \
        "$kernel" busybox-static isolinux syslinux-common genisoimage libmagic1 libmagic-mgc)
    for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$work/unpacked"; done
fi

# The tests: the binary, its libraries, and the model that some of them load.
tests=$(cd "$root" && cargo test -p oml-engine --lib --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)
rm -rf "$work/init" "$work/disc"
mkdir -p "$work"/init/{bin,proc,sys,dev,tmp} "$work/disc"
cp "$files/bin/busybox" "$work/init/bin/"
strip -o "$work/init/tests" "$tests"
ldd "$tests" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$work/init$library"
done
mkdir -p "$work/init$root/prover/engine"
cp -r "$root/prover/assets" "$work/init$root/prover/"
{
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t devtmpfs dev /dev'
    echo '/bin/busybox grep -m1 -o "avx512.*" /proc/cpuinfo'
    printf 'cd %q\n' "$root/prover/engine"
    printf '/tests --test-threads=1 %s\n' "${*:-cpu::}"
    echo '/bin/busybox echo "exit status $?"; /bin/busybox poweroff -f'
} > "$work/init/init"
chmod +x "$work/init/init"
(cd "$work/init" && find . | ./bin/busybox cpio -o -H newc 2> /dev/null | gzip -1) \
    > "$work/disc/initrd.gz"

# The disc. Linux is told to leave alone what it hangs with in Bochs, and what no kernel needs: the
# state of protection keys is described wrongly in 2.7, and five levels of pages, or one of the
# others, make every exception end in the next.
cp "$files"/boot/vmlinuz-* "$work/disc/linux"
cp "$files/usr/lib/ISOLINUX/isolinux.bin" "$files/usr/lib/syslinux/modules/bios/ldlinux.c32" \
    "$work/disc/"
options="console=ttyS0,115200 quiet mitigations=off nosmp panic=-1 apparmor=0"
options+=" no5lvl nopcid noinvpcid nosmap nosmep nofsgsbase noibrs nopti"
options+=" clearcpuid=umip,rdpid,fsrm,erms,pku,serialize,smap,smep,la57,pcid,invpcid"
printf 'default t\nprompt 0\nlabel t\n kernel linux\n append initrd=initrd.gz %s\n' "$options" \
    > "$work/disc/isolinux.cfg"
LD_LIBRARY_PATH=$files/usr/lib/x86_64-linux-gnu "$files/usr/bin/genisoimage" -quiet \
    -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table "$work/disc"

# The machine. A debugger has to be told to begin.
display=term begin=
"$bochs" --help 2>&1 | grep -q -- -rc && begin="-rc $work/begin" && echo c > "$work/begin"
[ -n "$begin" ] || display=nogui
cat > "$work/bochsrc" << END
config_interface: textconfig
display_library: $display
romimage: file=$bios/BIOS-bochs-latest
vgaromimage: file=$bios/VGABIOS-lgpl-latest
memory: guest=${MEMORY:-1024}, host=${MEMORY:-1024}
cpu: model=${PROCESSOR:-corei7_icelake_u}, count=1, ips=10000000, reset_on_triple_fault=0
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=file, dev=$work/serial.log
log: $work/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
END
rm -f "$work/serial.log"
# Emulation takes a whole core for minutes, so others go first.
TERM=xterm nice -n 19 script -qec "$bochs -q -f $work/bochsrc $begin" /dev/null \
    < /dev/null > "$work/screen.log" 2>&1 || true
cat "$work/serial.log"
grep -q '^exit status 0' "$work/serial.log"
