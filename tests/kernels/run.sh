#!/bin/sh
# `make kernel-test`: the gate's kernel tests inside other kernels under qemu.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

missing=
need() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
[ "$(dpkg --print-architecture)" = amd64 ] || {
	echo "sekisho: make kernel-test boots amd64 kernels and needs an amd64 machine" >&2
	exit 1
}
need qemu-system-x86 command -v qemu-system-x86_64
need busybox-static /bin/busybox cpio --help
need kmod command -v depmod
if apt-cache show virtiofsd >/dev/null 2>&1; then # Debian 12's qemu brings it along
	need virtiofsd test -x /usr/lib/qemu/virtiofsd
fi
[ -z "$missing" ] || {
	echo "sekisho: make kernel-test needs more Debian packages: apt-get install --no-install-recommends$missing" >&2
	exit 1
}
exec .venv/bin/python -m tests.kernels.run
