// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	scratchDir = "/run/netnstest" // of this package, inside the mount namespace
	bootIDFile = "/proc/sys/kernel/random/boot_id"
)

// mountPrivate gives the calling thread's mount namespace its own /sys, /run
// and state directories. Nothing of it is visible on the host.
func mountPrivate() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountSys(); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := mountTmpfs("/run", 0o755); err != nil {
		return err
	}
	for dir, mode := range map[string]fs.FileMode{
		scratchDir:    0o755,
		"/run/colvin": 0o755,
		"/run/lldpd":  0o755, // lldpd's chroot
	} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return err
		}
	}
	return privateDirs([]string{"/var/lib/colvin", "/var/lib/cni", "/etc/colvin", "/etc/cni"})
}

// Own makes more directories empty and the namespace's own, such as those of a container
// runtime. What is mounted inside from now on is seen by containers that want it.
func (n *Namespace) Own(dirs ...string) error {
	err := n.inside(func() error {
		if err := privateDirs(dirs); err != nil {
			return err
		}
		return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
	})
	if err != nil {
		return fmt.Errorf("give %s directories of its own: %w", n.name, err)
	}
	return nil
}

// privateDirs makes directories of this mount namespace.
func privateDirs(dirs []string) error {
	for _, dir := range dirs { // first all mirrors, since one covers what was mounted before
		if err := mirrorFor(dir); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		if err := privateDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// mountSys mounts a sysfs, which shows the network devices of the namespace it was
// mounted in, and the host's cgroups below it, for who runs containers inside.
func mountSys() error {
	const cgroups = "/sys/fs/cgroup"
	host, err := os.Open(cgroups)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("sysfs", "/sys", "sysfs", flags, ""); err != nil || host == nil {
		return err
	}
	source := fmt.Sprintf("/proc/self/fd/%d", host.Fd())
	return errors.Join(unix.Mount(source, cgroups, "", unix.MS_BIND|unix.MS_REC, ""), host.Close())
}

// mirrorFor makes room for dir where the host has none: in a copy of its parent,
// never on the host.
func mirrorFor(dir string) error {
	_, err := os.Stat(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := mirror(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("mirror %s: %w", filepath.Dir(dir), err)
	}
	return nil
}

// privateDir makes dir an empty directory of this mount namespace.
func privateDir(dir string) error {
	const mode = 0o755
	st, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.Mkdir(dir, mode)
	case err != nil:
		return err
	case st.Mode().Type() == fs.ModeSymlink: // of a mirror, to the host's
		return errors.Join(os.Remove(dir), os.Mkdir(dir, mode))
	}
	return mountTmpfs(dir, mode)
}

// mirror covers dir with a tmpfs whose entries are links to the original ones,
// once. It does what an overlay would, on kernels that have none.
func mirror(dir string) error {
	original := filepath.Join(scratchDir, "host", dir)
	if err := os.MkdirAll(filepath.Dir(original), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(original, 0o755); errors.Is(err, fs.ErrExist) {
		return nil // mirrored already
	} else if err != nil {
		return err
	}
	if err := unix.Mount(dir, original, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind the original: %w", err)
	}
	if err := mountTmpfs(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(original)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(original, e.Name())
		if e.Type() == fs.ModeSymlink { // keeps its meaning only where it was
			if target, err = os.Readlink(target); err != nil {
				return err
			}
		}
		if err := os.Symlink(target, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func mountTmpfs(dir string, mode fs.FileMode) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("mode=%#o", mode)); err != nil {
		return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	return nil
}

// SetBootID makes programs inside read id as the machine's boot ID, as after a
// reboot.
func (n *Namespace) SetBootID(id string) error {
	fake := filepath.Join(scratchDir, "boot_id")
	err := n.inside(func() error {
		// Written in place: once mounted, the file is the boot ID.
		if err := os.WriteFile(fake, []byte(id+"\n"), 0o444); err != nil {
			return err
		}
		if n.bootID {
			return nil
		}
		return unix.Mount(fake, bootIDFile, "", unix.MS_BIND, "")
	})
	if err != nil {
		return fmt.Errorf("set boot ID of %s: %w", n.name, err)
	}
	n.bootID = true
	return nil
}
