#!/bin/sh
# Second stage of the guest, in the machine's own root file system: what a running Debian has mounted,
# then the tests. The console tells how it goes; the second serial port takes the JUnit report.
set -u

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t bpf bpf /sys/fs/bpf
mkdir -p "/usr/lib/modules/$(uname -r)"
mount --bind "$MODULES" "/usr/lib/modules/$(uname -r)" # the kernel loads on demand from here
ip link set lo up
modprobe -a tun br_netfilter # a device node that udev would make; the operator's part where the gate is a bridge
# Softirqs of an emulated processor run late; what does not fit meanwhile would be dropped between namespaces.
echo 20000 >/proc/sys/net/core/netdev_max_backlog
stty -F /dev/ttyS1 raw

cd "$REPOSITORY" || poweroff -f
echo "guest: $(uname -r) runs the tests"
eval "set -- $ARGUMENTS" # quoted by machine.py
# An emulated processor takes ten times as long, and longer beside another's work.
SEKISHO_PATIENCE=5 "$PYTHON" -m pytest -o timeout=1200 --durations=10 -ra -p no:cacheprovider --color=no \
	--junit-xml=/tmp/report.xml "$@"
echo "guest: pytest ended with $?"
cat /tmp/report.xml >/dev/ttyS1
sync
poweroff -f
