# shellcheck shell=bash
# Sets up a sandbox with the programs of util-linux, for machines without bubblewrap. Runs as process 1 of new network, pid,
# ipc, uts and mount namespaces, and for others than root of a user namespace. Makes a root folder with bash, the readable
# paths, a new /proc and a small /tmp, gives up the machine's root folder for good, and runs the script without privileges.
# Arguments: UID SCRIPT BASH UMOUNT LAST LIBRARIES NUMBER FILE… READABLE…
# Root changes to UID, which is empty for others. LAST is chroot for root and unshare for others. LIBRARIES are the folders
# of umount's libraries below /tmp, separated by colons. The first NUMBER paths are bash and what bash and LAST need.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Makes /tmp writable for all; nothing else will be writable.
umask 0
uid=$1 script=$2 bash=$3 umount=$4 last=$5 libraries=$6 number=$7
shift 7

# The new root folder covers a folder that every machine has and that holds nothing needed here.
root=/sys
table='' folders=() files=()
# add SOURCE PLACE TYPE OPTIONS: a line of fstab(5)
add() {
  local field line=''
  for field in "$1" "$root$2" "$3" "$4"; do
    field=${field//\\/\\134} field=${field// /\\040} field=${field//$'\t'/\\011}
    line+="${field//$'\n'/\\012} "
  done
  table+=$line$'0 0\n'
}
# show PATH OPTIONS: mounts the path at the same place
show() {
  if [[ ! -e $1 ]]; then return; fi
  if [[ -d $1 ]]; then folders+=("$root$1"); else folders+=("$root${1%/*}") files+=("$root$1"); fi
  add "$1" "$1" none "$2"
}
# The only folder that stays writable.
add "$root/tmp" /tmp none bind,nosuid,nodev
add none /proc proc nosuid,nodev,noexec
for path in /dev/{null,zero,urandom}; do show "$path" bind; done
for path in "${@:1:number}"; do show "$path" bind,ro,nosuid,nodev; done
for path in "${@:number + 1}"; do show "$path" rbind,ro,nosuid,nodev,noexec; done

mount -n -t tmpfs -o nosuid,nodev,size=16m,nr_inodes=16k,mode=755 none $root
mkdir -p $root/{proc,tmp} "${folders[@]}"
for path in "${files[@]}"; do : >"$path"; done
cp -P /dev/{fd,stdin,stdout,stderr} $root/dev
# In a file, since libmount reads no pipes; the new /proc hides it.
printf %s "$table" >$root/proc/table
mount -n -a -T $root/proc/table
# Mounts within the readable paths came along writable; mounts in the covered folder do not exist here.
while read -r _ _ _ _ path options _; do
  printf -v path %b "$path"
  if [[ $path == "$root"/* && $path != "$root"/@(tmp|proc|dev/*) && $options == rw* && -e $path ]]; then
    mount -n -o remount,bind,ro,nosuid,nodev,noexec "$path"
  fi
done </proc/self/mountinfo
mount -n -o remount,bind,ro $root

cd $root
pivot_root . tmp
cd /
# One of the machine's programs is needed afterwards. It runs from a descriptor, so that bash cannot find it.
exec 9<"/tmp$last"
LD_LIBRARY_PATH=$libraries "/tmp$umount" -n -l /tmp
# shellcheck disable=SC2123 # on purpose
PATH=/nonexistent
if [[ -z $uid ]]; then
  # In a user namespace without a mapping nobody has privileges, least of all over the namespace around it.
  exec -a unshare /proc/self/fd/9 --user "$bash" --noprofile --norc -c "exec 9<&-;$script"
fi
# Process 1 stays with root, since a process that changes its user no longer gets the signal when the server ends.
exec 8>&2 2>/dev/null
(exec -a chroot /proc/self/fd/9 --userspec="$uid:$uid" --groups="$uid" / "$bash" --noprofile --norc -c "exec 9<&-;$script" 2>&8 8>&-)
# Needed, since bash would replace itself by its last command.
exit $?
