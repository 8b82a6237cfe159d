# shellcheck shell=bash
# Inside scripts/systemd/container: tests the unit under a real systemd, as a person at the machine would use it.
set -euo pipefail

must() { "$@" || { printf 'FAILED: %s\n' "$*"; exit 1; }; }
mustnot() { if "$@"; then printf 'FAILED: not %s\n' "$*"; exit 1; fi; }
healthy() { for _ in $(seq 100); do curl -s http://127.0.0.1:8000/healthz && return; sleep 0.1; done; return 1; }
server() { systemctl show --property=MainPID --value portcache; }

# Debian with OpenRC beside systemd would enable the init script as well, and fail.
export SYSTEMCTL_SKIP_SYSV=1
cp dist/portcache /root/portcache
must /root/portcache setup
systemctl daemon-reload
must systemctl enable --now portcache
# It is started when it answers.
must test "$(curl -s http://127.0.0.1:8000/healthz | cut -c1-2)" != ""
must grep -q '^Type=notify$' <(systemctl cat portcache)
must grep 'Serving at http://' <(systemctl status portcache)
pid=$(server)

printf '\n== it has no privileges\n'
must grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status"
must grep -q '^CapBnd:.0*$' "/proc/$pid/status"
must grep 'Max open files' "/proc/$pid/limits"

printf '\n== it can write its store and nothing else, and sees no homes\n'
inside() { nsenter --target "$pid" --mount -- su -s /bin/sh portcache -c "$1"; }
must inside 'touch /var/cache/portcache/some && rm /var/cache/portcache/some'
for path in /etc/some /usr/some /var/some /var/log/some /project/some; do mustnot inside "touch $path"; done
mustnot inside 'ls /root'

printf '\n== the sandbox for ebuilds still works\n'
for _ in $(seq 50); do journalctl --no-pager --unit portcache | grep -q sandbox && break; sleep 0.1; done
must journalctl --no-pager --output=cat --unit portcache
must grep -q 'sandbox: bubblewrap' <(journalctl --no-pager --unit portcache)

printf '\n== the journal has the priorities of the lines, and one time for each\n'
must grep -q 'Dashboard  *http://' <(journalctl --no-pager --output=cat --unit portcache)
must grep -q '^INF ' <(journalctl --no-pager --output=cat --priority=info --unit portcache)
mustnot grep -q '^INF ' <(journalctl --no-pager --output=cat --priority=warning --unit portcache)
mustnot grep -qE '<[0-7]>|[0-9]T[0-9:.]+Z' <(journalctl --no-pager --output=cat --unit portcache)

printf '\n== a second server says who has the port\n'
must grep "by portcache (process $pid of the user portcache)" <(/root/portcache serve --location /tmp/other 2>&1)

printf '\n== reload, kill\n'
printf '[storage]\nmax_size = "3GiB"\n' >/etc/portcache/portcache.toml
must systemctl reload portcache
sleep 1
must test "$(systemctl is-active portcache)" = active
must grep 'storage.max_size: 50GiB -> 3GiB' <(journalctl --no-pager --output=cat --unit portcache)
must test "$(server)" = "$pid"
kill -9 "$pid"
sleep 2
must healthy
mustnot test "$(server)" = "$pid"

printf '\n== a server that hangs is started again, and one that answers is left alone\n'
mkdir -p /etc/systemd/system/portcache.service.d
printf '[Service]\nWatchdogSec=4\n' >/etc/systemd/system/portcache.service.d/watchdog.conf
systemctl daemon-reload
must systemctl restart portcache
must healthy
pid=$(server)
sleep 10
must test "$(server)" = "$pid"
kill -STOP "$pid"
for _ in $(seq 60); do [ "$(server)" = "$pid" ] || break; sleep 1; done
must healthy
mustnot test "$(server)" = "$pid"
rm -r /etc/systemd/system/portcache.service.d
systemctl daemon-reload

printf '\n== stop\n'
must systemctl stop portcache
must test "$(systemctl show --property=Result --value portcache)" = success
mustnot curl -s http://127.0.0.1:8000/healthz
mustnot /usr/local/bin/portcache setup --uninstall
must systemctl disable portcache
must /usr/local/bin/portcache setup --uninstall
must test -d /var/cache/portcache/distfiles
printf '\nall steps passed\n'
