# shellcheck shell=bash
# Makes a container: the files of this machine, changes to which are lost afterwards, its own processes and mounts, and a network
# with only a loopback. To be sourced by a shell in namespaces of its own (mount, pid, net, ipc, uts).

# make_container PROJECT FOLDER...: builds it at $container_root and hides this machine's content of the folders. The project is
# at /project, files that differ from this machine's are also at /written.
make_container() {
  local project=$1 box folder name
  shift
  ip link set lo up
  box=$(mktemp -d)
  mount -t tmpfs -o mode=0755 box "$box"
  mkdir "$box"/{upper,work,root}
  for folder in "$@"; do
    mkdir -p "$box/upper/$folder"
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")' "$box/upper/$folder"
  done
  mount -t overlay box -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" "$box/root"
  container_root=$box/root
  mount -t proc proc "$container_root/proc"
  mount -t tmpfs -o mode=0755 run "$container_root/run"
  mount -t tmpfs -o mode=1777 tmp "$container_root/tmp"
  mount -t tmpfs -o mode=0755 dev "$container_root/dev"
  for name in null zero full random urandom tty; do
    touch "$container_root/dev/$name"
    mount --bind "/dev/$name" "$container_root/dev/$name"
  done
  ln -s /proc/self/fd "$container_root/dev/fd"
  mkdir "$container_root"/dev/{shm,pts,mqueue,hugepages} "$container_root/project" "$container_root/written"
  mount -t tmpfs shm "$container_root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$container_root/dev/pts"
  ln -s pts/ptmx "$container_root/dev/ptmx"
  mount --rbind "$project" "$container_root/project"
  mount --bind "$box/upper" "$container_root/written"
}

# enter_container SCRIPT [ARGUMENT...]: runs the script as the container's first process. With pivot_root, because the sandbox for
# ebuilds needs user namespaces, which a chroot forbids.
enter_container() {
  cd "$container_root" || return
  pivot_root . mnt
  exec chroot . bash -euc "umount -l /mnt; $1" container "${@:2}"
}
