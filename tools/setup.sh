#!/usr/bin/env bash
# Make this machine ready for one of sekisho's make targets: say what is missing, install that and nothing else.
#
#   tools/setup.sh check|wheel|demo|test|bench|kernel-test
#
# Debian packages come by apt-get, Python's into .venv by pip from requirements-dev.lock; both as this machine is set up
# for them. Installing starts no service and removes no package. When nothing is missing it takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # not there after a plain `su`
LOG=build/setup.log

say() { printf 'sekisho: %s\n' "$*"; }
die() {
    printf 'sekisho: %s\n' "$*" >&2
    exit 1
}

# One line a need: how to see that it is there, and the Debian package that brings it.
python_needs() {
    need python3-venv python3 -c 'import ensurepip, venv'
}
build_needs() {
    need clang compgen -G '/usr/bin/clang*([-0-9])'
    need llvm compgen -G '/usr/bin/llvm-strip*([-0-9])'
    need libbpf-dev test -e /usr/include/bpf/bpf_helpers.h
    need linux-libc-dev test -e /usr/include/linux/bpf.h
}
gate_needs() {
    need libbpf1 compgen -G '/usr/lib/*/libbpf.so.1'
    need iproute2 type ip tc
    need iptables type iptables ip6tables
    need nftables type nft
    need kmod type modprobe
    need procps type sysctl
    need util-linux type nsenter unshare
}
lab_needs() {
    need postfix type postfix smtp-sink
    need swaks type swaks
    need msmtp type msmtp
    need freeradius-utils type radclient
}
sources_needs() { # PostgreSQL as the store and as FreeRADIUS's own; FreeRADIUS and Kea as sources of leases
    need postgresql compgen -G '/usr/lib/postgresql/*/bin/postgres'
    need freeradius type freeradius
    need freeradius-postgresql test -e /usr/lib/freeradius/rlm_sql_postgresql.so
    need kea-dhcp4-server type kea-dhcp4
    need kea-dhcp6-server type kea-dhcp6
    need busybox-static test -x /bin/busybox
    need curl type curl
}
metrics_needs() { # Prometheus' own tool, which comes with all of it: 23 MB to fetch, 330 MB on the disk
    need prometheus type promtool
}
paper_needs() { # what prints the report of a trial, and what reads it again
    need chromium type chromium
    need poppler-utils type pdftotext
}
bench_needs() {
    need haproxy type haproxy
}
other_kernels_needs() {
    need qemu-system-x86 type qemu-system-x86_64
    need busybox-static test -x /bin/busybox
    need cpio type cpio
    # Debian 12's qemu brings it along.
    grep -q '^VERSION_ID="12"' /etc/os-release || need virtiofsd test -x /usr/libexec/virtiofsd
}

missing=()
need() {
    local package=$1
    shift
    (shopt -s extglob && "$@") >/dev/null 2>&1 || missing+=("$package")
}

require_root() {
    [ "$(id -u)" -eq 0 ] || die "needs root, for the kernel program, network namespaces and apt-get. Run it as root (sudo make …)."
}

require_kernel() {
    local release major minor
    release=$(uname -r)
    IFS=.- read -r major minor _ <<<"$release"
    ((major > 6 || (major == 6 && minor >= 1))) ||
        die "needs Linux 6.1 or newer, and this is $release. Debian 12 and 13 have one that is new enough."
    grep -qw bpf /proc/filesystems || die "this kernel ($release) has no BPF (CONFIG_BPF_SYSCALL). Debian's own kernels have it."
    [ -e /sys/kernel/btf/vmlinux ] ||
        die "this kernel ($release) gives no type information at /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF; is /sys mounted?). Debian's own kernels have it."
    unshare --net true 2>/dev/null ||
        die "may not make network namespaces here. In a container, start it with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF, or use a virtual machine."
}

mount_bpffs() {
    [ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] && return
    say "mounting the BPF file system on /sys/fs/bpf, where it belongs"
    mount -t bpf bpf /sys/fs/bpf ||
        die "cannot mount the BPF file system on /sys/fs/bpf. Try it by hand: mount -t bpf bpf /sys/fs/bpf"
}

# No service starts while packages are installed; a policy that stood there before comes back afterwards.
POLICY=/usr/sbin/policy-rc.d
SAVED_POLICY=$POLICY.before-sekisho
forbid_services() {
    trap allow_services EXIT
    trap 'exit 130' INT TERM HUP
    [ -e "$SAVED_POLICY" ] || [ ! -e "$POLICY" ] || mv "$POLICY" "$SAVED_POLICY"
    printf '#!/bin/sh\n# Put here by sekisho/tools/setup.sh while it installs packages.\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}
allow_services() {
    rm -f "$POLICY"
    [ ! -e "$SAVED_POLICY" ] || mv "$SAVED_POLICY" "$POLICY"
    trap - EXIT INT TERM HUP
}

# Nor at the next boot: only the programs of these packages are wanted.
disable_services() {
    local package
    type systemctl >/dev/null 2>&1 || return 0
    for package in "${missing[@]}"; do
        case $package in
        postfix | haproxy | postgresql | freeradius | kea-dhcp4-server | kea-dhcp6-server | prometheus) systemctl --quiet disable "$package.service" ;;
        esac
    done
}

# PostgreSQL's package makes no cluster; whoever had one keeps it.
forbid_cluster() {
    mkdir -p /etc/postgresql-common/createcluster.d
    printf '# Put here by sekisho/tools/setup.sh, which wanted the programs only.\ncreate_main_cluster = false\n' \
        >/etc/postgresql-common/createcluster.d/sekisho.conf
}

install_packages() {
    local plan removed
    say "missing Debian packages: ${missing[*]}"
    type apt-get >/dev/null 2>&1 || die "there is no apt-get here. Install what ${missing[*]} are called on this system, then try again."
    require_root
    export DEBIAN_FRONTEND=noninteractive
    say "reading the package lists (apt-get update)"
    apt-get -qq update || die "apt-get update failed: no way to Debian's packages? Mend /etc/apt or the network, then try again."
    plan=$(LC_ALL=C apt-get -s install --no-install-recommends "${missing[@]}") ||
        die "apt-get cannot install ${missing[*]}; the reason is above (no way to Debian's packages, or not Debian 12 or 13?)."
    removed=$(awk '$1 == "Remv" { print $2 }' <<<"$plan" | paste -sd' ')
    [ -z "$removed" ] ||
        die "installing ${missing[*]} would remove $removed, and sekisho removes nothing. Use a machine without another mail server, or remove it yourself."
    say "installing $(grep -c '^Inst ' <<<"$plan") Debian packages with what they depend on; no service is started"
    forbid_services
    if [[ " ${missing[*]} " == *" postfix "* ]]; then
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    [[ " ${missing[*]} " != *" postgresql "* ]] || forbid_cluster
    mkdir -p build
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" >"$LOG" 2>&1 || {
        tail -n 20 "$LOG" >&2
        die "apt-get could not install ${missing[*]}; the end of $LOG is above."
    }
    disable_services
    allow_services
}

make_venv() {
    [ .venv/ready -nt requirements-dev.lock ] && [ .venv/ready -nt pyproject.toml ] && .venv/bin/python -c '' 2>/dev/null && return
    say "installing $(grep -c '==' requirements-dev.lock) Python packages into .venv (pip, requirements-dev.lock)"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "needs Python 3.11 or newer, and python3 is $(python3 -V). Debian 12 and 13 have one that is new enough."
    .venv/bin/python -c '' 2>/dev/null || python3 -m venv --clear .venv ||
        die "python3 -m venv failed: is python3-venv installed for this python3?"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock ||
        die "pip could not install requirements-dev.lock: no way to the Python package registry? Mend pip's settings or the network, then try again."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ||
        die "pip could not install sekisho itself into .venv; the reason is above."
    touch .venv/ready
}

main() {
    case ${1-} in
    check) python_needs ;;
    wheel) python_needs && build_needs ;;
    demo) python_needs && build_needs && gate_needs && lab_needs ;;
    test) python_needs && build_needs && gate_needs && lab_needs && sources_needs && metrics_needs && paper_needs ;;
    bench) python_needs && build_needs && gate_needs && lab_needs && sources_needs && bench_needs ;;
    kernel-test) python_needs && build_needs && gate_needs && other_kernels_needs ;;
    *) die "usage: tools/setup.sh check|wheel|demo|test|bench|kernel-test" ;;
    esac
    case $1 in demo | test | bench | kernel-test) require_root && require_kernel ;; esac
    # Two runs at once would fight for apt's lock and for .venv.
    exec 9<"$PWD"
    flock 9
    [ ${#missing[@]} -eq 0 ] || install_packages
    make_venv
    case $1 in demo | test | bench | kernel-test) mount_bpffs ;; esac
}

main "$@"
