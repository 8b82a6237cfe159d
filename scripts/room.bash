# shellcheck shell=bash
# Makes a throw-away machine: the files of this one, changes to which are lost afterwards, and its own processes, mounts, and a
# network with only a loopback. To be sourced by a shell in namespaces of its own (mount, pid, net, ipc, uts).

# make_room PROJECT FOLDER...: builds it at $room and hides this machine's content of the folders. The project is at /project,
# files that differ from this machine's are also at /written.
make_room() {
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
  room=$box/root
  mount -t proc proc "$room/proc"
  mount -t tmpfs -o mode=0755 run "$room/run"
  mount -t tmpfs -o mode=1777 tmp "$room/tmp"
  mount -t tmpfs -o mode=0755 dev "$room/dev"
  for name in null zero full random urandom tty; do
    touch "$room/dev/$name"
    mount --bind "/dev/$name" "$room/dev/$name"
  done
  ln -s /proc/self/fd "$room/dev/fd"
  mkdir "$room"/dev/{shm,pts,mqueue,hugepages} "$room/project" "$room/written"
  mount -t tmpfs shm "$room/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$room/dev/pts"
  ln -s pts/ptmx "$room/dev/ptmx"
  mount --rbind "$project" "$room/project"
  mount --bind "$box/upper" "$room/written"
}

# enter_room SCRIPT [ARGUMENT...]: runs the script in it, as its first process. With pivot_root, because the sandbox for ebuilds
# needs user namespaces, which a chroot forbids.
enter_room() {
  cd "$room" || return
  pivot_root . mnt
  exec chroot . bash -euc "umount -l /mnt; $1" room "${@:2}"
}
