#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: boot.sh DEBIAN PACKAGES GROUP
#
# Runs systemd on a copy of a Debian in /run/machine, as process 1 of the PID namespace that this is the first process of, and in its own
# group of systemd's hierarchy, which is all of it that it sees. PACKAGES is there as /packages.
set -eu
debian=$1 packages=$2 group=$3 root=/run/machine

mkdir -p /run/changes/upper /run/changes/work $root
mount -t overlay -o "lowerdir=$debian,upperdir=/run/changes/upper,workdir=/run/changes/work" overlay $root
mkdir -p $root/packages
mount --bind "$packages" $root/packages
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "/sys/fs/cgroup/$group"
  echo $$ > "/sys/fs/cgroup/$group/cgroup.procs"
  # A namespace of its own for groups, made now that it is in there.
  mounts='mount -t cgroup2 cgroup2 /run/machine/sys/fs/cgroup'
else
  mkdir -p "/sys/fs/cgroup/systemd/$group"
  echo $$ > "/sys/fs/cgroup/systemd/$group/cgroup.procs"
  mount -t tmpfs -o mode=755 tmpfs $root/sys/fs/cgroup
  mkdir $root/sys/fs/cgroup/systemd
  mounts='mount -t cgroup -o none,name=systemd cgroup /run/machine/sys/fs/cgroup/systemd'
fi
mount -t tmpfs -o mode=755 tmpfs $root/run
mkdir $root/run/pods
mount -t tmpfs -o mode=755 tmpfs $root/dev
mkdir $root/dev/pts $root/dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 $root/dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
: > $root/etc/machine-id
exec env -i container=colvin-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  unshare --cgroup sh -c "$mounts && exec chroot /run/machine /lib/systemd/systemd --log-target=console --show-status=no"
