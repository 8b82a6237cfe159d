# shellcheck shell=bash
# Inside scripts/openrc/container: makes the smallest Gentoo machine that Portage accepts, merges the package into /mnt/target, and
# lays that root over the machine. To be run by scripts/portage-merge.
set -euo pipefail
work=$1

step() { printf '\n== %s\n' "$*"; }
must() { "$@" || { printf 'FAILED: %s\n' "$*" >&2; exit 1; }; }

step "a machine with Portage"
# The container installs these by hand; here the package does.
rm -rf /usr/bin/portcache /etc/init.d/portcache /etc/conf.d/portcache /etc/portcache
userdel portcache 2>/dev/null || true
groupdel portcache 2>/dev/null || true
cp -a "$work/portage" /opt/portage
mkdir -p /usr/share/portage/config /etc/portage/make.profile /etc/portage/profile /usr/local/bin /var/db/repos /mnt/target/etc
ln -sf /opt/portage/cnf/make.globals /usr/share/portage/config/make.globals
ln -sfn /opt/portage/cnf/sets /usr/share/portage/config/sets
for tool in tar find sed xargs; do ln -sf "$(command -v "$tool")" "/usr/local/bin/g$tool"; done
command -v python >/dev/null || ln -s "$(command -v python3)" /usr/local/bin/python
getent group portage >/dev/null || groupadd -g 250 portage
getent passwd portage >/dev/null || useradd -u 250 -g portage -d /var/tmp/portage -M -s /usr/sbin/nologin portage
for list in passwd group shadow gshadow; do : >"/mnt/target/etc/$list"; done

# The main repository: only what the masters of an overlay must have.
gentoo=/var/db/repos/gentoo
rm -rf "$gentoo"
mkdir -p "$gentoo"/{profiles,metadata,licenses}
cp -a "$work/eclass" "$gentoo/eclass"
echo gentoo >"$gentoo/profiles/repo_name"
printf '%s\n' acct-user acct-group app-portage >"$gentoo/profiles/categories"
printf '%s\n' amd64 arm64 >"$gentoo/profiles/arch.list"
printf 'masters =\nthin-manifests = true\n' >"$gentoo/metadata/layout.conf"
for licence in GPL-3+ Apache-2.0 BSD LGPL-2+ MIT; do echo "$licence" >"$gentoo/licenses/$licence"; done
cp -a "$work/release/overlay" /var/db/repos/portcache
cat >/etc/portage/repos.conf <<'END'
[DEFAULT]
main-repo = gentoo
[gentoo]
location = /var/db/repos/gentoo
[portcache]
location = /var/db/repos/portcache
END
echo 8 >/etc/portage/make.profile/eapi
cat >/etc/portage/make.profile/make.defaults <<'END'
ARCH="amd64"
ACCEPT_KEYWORDS="amd64 ~amd64"
CHOST="x86_64-pc-linux-gnu"
ELIBC="glibc"
KERNEL="linux"
CONFIG_PROTECT="/etc"
USE_EXPAND="ELIBC KERNEL CPU_FLAGS_X86"
USE_EXPAND_IMPLICIT="ARCH ELIBC KERNEL"
USE_EXPAND_UNPREFIXED="ARCH"
USE_EXPAND_VALUES_ARCH="amd64 arm64"
USE_EXPAND_VALUES_ELIBC="glibc musl"
USE_EXPAND_VALUES_KERNEL="linux"
END
cat >/etc/portage/make.conf <<END
DISTDIR="/var/cache/distfiles"
GENTOO_MIRRORS=""
FETCHCOMMAND="false"
RESUMECOMMAND="false"
FEATURES="-sandbox -usersandbox -news"
ACCEPT_LICENSE="*"
CLEAN_DELAY="0"
END
mkdir -p /var/cache/distfiles
cp "$work"/release/*.tar.xz /var/cache/distfiles/
printf '%s\n' sys-apps/bubblewrap-9999 app-shells/bash-9999 virtual/pkgconfig-9999 >/etc/portage/profile/package.provided

portage() {
  env -i HOME=/root LANG=C.UTF-8 TERM=dumb NO_COLOR=1 PATH=/opt/portage/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/portage/lib PORTAGE_PYTHON="$(command -v python3)" PORTAGE_BIN_PATH=/opt/portage/bin \
    PORTAGE_REPOSITORIES="$(cat /etc/portage/repos.conf)" "${env[@]}" python3 -W ignore "$@"
}

step "metadata of the overlay"
env=()
portage /opt/portage/bin/egencache --update --repo portcache \
  --repositories-configuration "$(cat /etc/portage/repos.conf)" 2>&1 | grep -v '^$' || true
for ebuild in acct-group/portcache-0 acct-user/portcache-0 app-portage/portcache-bin-; do
  must ls /var/db/repos/portcache/metadata/md5-cache/"$ebuild"*
done

step "Manifest: Portage would write the same"
cp /var/db/repos/portcache/app-portage/portcache-bin/Manifest /tmp/Manifest
# A release of all targets is compared as a whole; one of a single target, file by file.
if (($(wc -l </tmp/Manifest) == 6)); then
  portage /opt/portage/bin/ebuild /var/db/repos/portcache/app-portage/portcache-bin/portcache-bin-*.ebuild manifest
  must cmp /tmp/Manifest /var/db/repos/portcache/app-portage/portcache-bin/Manifest
fi

step "emerge into an empty root"
env=(ROOT=/mnt/target)
must portage /opt/portage/bin/emerge --ask=n --autounmask=n --ignore-default-opts app-portage/portcache-bin
(cd /mnt/target && find . -type f -o -type l | grep -v '^./var/db/pkg\|^./var/cache/edb\|^./var/lib/portage' | sort | xargs ls -ld)

step "what was merged runs with what was merged"
# The root's files over the machine's, with its accounts.
group=$(sed -n 's/^portcache:[^:]*:\([0-9]*\):.*/\1/p' /mnt/target/etc/group)
user=$(sed -n 's/^portcache:[^:]*:\([0-9]*\):.*/\1/p' /mnt/target/etc/passwd)
groupadd --non-unique -g "$group" portcache
useradd --non-unique -u "$user" -g "$group" -d /dev/null -M -s /usr/sbin/nologin portcache
for path in usr/bin/portcache etc/init.d/portcache etc/conf.d/portcache etc/portcache; do
  cp -a "/mnt/target/$path" "/$path"
done
must cmp /usr/bin/portcache <(tar -xOf /var/cache/distfiles/portcache-*-linux-x64-baseline.tar.xz \
  --wildcards --no-wildcards-match-slash 'portcache-*/portcache')
rc-update -u >/dev/null 2>&1
must rc-service portcache start
for _ in $(seq 100); do
  if curl -s http://127.0.0.1:8000/healthz; then break; fi
  sleep 0.1
done
must curl -sS --fail -o /dev/null http://127.0.0.1:8000/distfiles/layout.conf
must rc-service portcache status
must rc-service portcache stop

step "merged again over a configuration that was changed"
echo '# mine' >>/mnt/target/etc/conf.d/portcache
must portage /opt/portage/bin/emerge --ask=n --autounmask=n --ignore-default-opts --quiet app-portage/portcache-bin
must grep -q '^# mine' /mnt/target/etc/conf.d/portcache
must ls -A /mnt/target/etc/conf.d
must test -e /mnt/target/etc/conf.d/._cfg0000_portcache

step "other machines: which tarball Portage fetches"
for machine in "amd64 glibc" "amd64 musl" "arm64 glibc" "arm64 musl"; do
  read -r arch elibc <<<"$machine"
  sed -i -e "s/^ARCH=.*/ARCH=\"$arch\"/" -e "s/^ELIBC=.*/ELIBC=\"$elibc\"/" \
    -e "s/^ACCEPT_KEYWORDS=.*/ACCEPT_KEYWORDS=\"$arch ~$arch\"/" /etc/portage/make.profile/make.defaults
  env=(DISTDIR=/tmp/none)
  printf '%s: ' "$machine"
  portage /opt/portage/bin/emerge --ask=n --nodeps --fetchonly --pretend --verbose --ignore-default-opts \
    app-portage/portcache-bin 2>&1 | grep -oE 'portcache-[0-9.]+-linux[^ /]*\.tar\.xz' | sort -u | paste -sd' ' || true
done
printf '\nall steps passed\n'
