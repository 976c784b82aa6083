#!/bin/sh
# Installs the programs that tests/deploy runs, from Debian's packages; says which cannot be had and ends with 1 then.
set -u
PATH=$PATH:/usr/sbin:/sbin
programs="haproxy:haproxy rsyslogd:rsyslog mtail:mtail logrotate:logrotate nft:nftables ip:iproute2
    systemd-analyze:systemd unshare:util-linux openssl:openssl curl:curl
    prometheus:prometheus promtool:prometheus prometheus-alertmanager:prometheus-alertmanager amtool:prometheus-alertmanager"

missing() {
    for each in $programs; do
        command -v "${each%%:*}" >/dev/null || printf '%s ' "${each##*:}"
    done
}

packages=$(missing)
if [ -n "$packages" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "The deploy tests need these, which root can install on Debian: apt-get install $packages"
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    # shellcheck disable=SC2086  # the names of several packages
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $packages >/dev/null
    packages=$(missing)
    if [ -n "$packages" ]; then
        echo "The deploy tests need these, which could not be installed: $packages"
        exit 1
    fi
fi
if ! unshare --mount --pid --net --fork true; then
    echo "The deploy tests need namespaces (mount, pid, network), which this machine does not let them have."
    exit 1
fi
