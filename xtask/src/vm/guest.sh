#!/bin/busybox sh
# Process 1 of a guest: mounts what a machine has, runs one script, says how it ended, powers off.
# The first serial port has the kernel's messages, the second what the script prints.

/bin/busybox mkdir -p /proc /sys /dev /tmp /run /root
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
# Absent where the kernel is built without lockdown.
mount -t securityfs security /sys/kernel/security
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup

script=none
tracefs=yes
sock_diag=yes
for word in $(cat /proc/cmdline); do
  case $word in
  tcpmon.script=*) script=${word#*=} ;;
  tcpmon.tracefs=*) tracefs=${word#*=} ;;
  tcpmon.sock_diag=*) sock_diag=${word#*=} ;;
  esac
done
if [ "$tracefs" = yes ]; then mount -t tracefs tracefs /sys/kernel/tracing; fi
for module in $(cat /modules/order); do
  case $sock_diag/$module in
  no/*_diag.ko) ;;
  *) insmod "/modules/$module" ;;
  esac
done
ip link set lo up

exec >/dev/ttyS1 2>&1
echo "@@ uname $(uname -r)"
sh "/guest/$script"
echo "@@ rc $?"
echo "@@ up $(cut -d' ' -f1 /proc/uptime)"
sync
poweroff -f
