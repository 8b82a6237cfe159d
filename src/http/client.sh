#!/bin/sh
# Shows, writes, switches, tests or removes the line of /etc/portage/mirrors by which Portage asks a portcache server first, as
# `portcache client` does, for machines without the executable. Needs a POSIX shell, awk, and wget or curl for --test.
set -eu

usage='usage: client.sh [URL] [--write | --off | --on | --remove | --discover] [--test] [--root DIR]

Without an option: show the line that this machine needs.
  --write     write the line; the rest of the file stays as it is
  --off       comment the line out, for a machine that leaves the LAN
  --on        bring the line back
  --remove    remove the line
  --test      fetch layout.conf and a small file; exit with 1 if that fails
  --discover  list the servers that announce themselves in this network
  --root DIR  use the system below this folder'

# The address by which this script was fetched; a checkout has none.
url='' edit='' test='' root='' given=''
fetched_from='@URL@'

fail() {
  printf 'client.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

choose() {
  [ -z "$edit" ] || fail "option '$1' cannot be used with option '--$edit'" 2
  edit=${1#--}
}

while [ $# -gt 0 ]; do
  case $1 in
    --write | --off | --on | --remove | --discover) choose "$1" ;;
    --test) test=yes ;;
    --root)
      [ $# -ge 2 ] || fail "--root needs a folder" 2
      root=${2%/}
      shift
      ;;
    -h | --help)
      printf '%s\n' "$usage"
      exit
      ;;
    -*) fail "unknown option '$1'
$usage" 2 ;;
    *)
      [ -z "$given" ] || fail "one URL at most: '$1'" 2
      given=$1
      ;;
  esac
  shift
done

strip() { printf '%s' "$1" | sed 's|/*$||'; }

if [ -n "$given" ]; then
  case $given in
    http://?* | https://?*) ;;
    *) fail "wrong URL '$given': expected the address of a portcache server, such as http://cachebox:8000" 2 ;;
  esac
  case $given in
    *[[:space:]?#]* | */distfiles | */distfiles/) fail "wrong URL '$given': expected such as http://cachebox:8000, without /distfiles" 2 ;;
  esac
  url=$(strip "$given")
fi

if [ "$edit" = discover ]; then
  command -v avahi-browse >/dev/null || fail "avahi-browse is not installed (Gentoo: emerge net-dns/avahi; Debian: apt install avahi-utils)"
  avahi-browse --parsable --resolve --terminate _portcache._tcp | awk -F';' '
    $1 == "=" && $7 ~ /^[A-Za-z0-9_.-]+$/ && $9 ~ /^[0-9]+$/ {
      scheme = $0 ~ /"scheme=https"/ ? "https" : "http"
      server = scheme "://" $7 ":" $9
      if (!seen[server]++) { print server "  " $8; count++ }
    }
    END { exit !count }' || fail "no server announces itself here"
  exit
fi

# edit_lines ACTION FILE URL: prints the file after an action. Lines of ours end in "# portcache"; every other byte stays. Exits with 3
# where there is no line to change. The actions: url (prints that of our line), has (exits with 0 if a line has the URL), write, off,
# on, remove.
# shellcheck disable=SC2016 # for awk
program='
function own(line) { return line ~ /^[ \t]*(#[ \t]*)?local[ \t]+[^ \t]+[ \t]+#[ \t]*portcache[ \t]*$/ }
function own_url(line) { sub(/^[ \t]*(#[ \t]*)?local[ \t]+/, "", line); sub(/[ \t].*/, "", line); return line }
function same(a, b) { sub(/\/+$/, "", a); sub(/\/+$/, "", b); return a == b }
function without(line, count, words, i, rest) {
  count = split(line, words, /[ \t]+/)
  i = words[1] == "" ? 2 : 1
  found = 0
  if (words[i] != "local") return ""
  rest = ""
  for (i++; i <= count && substr(words[i], 1, 1) != "#"; i++) {
    if (same(words[i], url)) found = 1
    else if (words[i] != "") rest = rest " " words[i]
  }
  return rest
}
{ lines[NR] = $0; if (own($0)) ours++; without($0); if (found) listed = 1 }
END {
  if (action == "url") { for (i = 1; i <= NR; i++) if (own(lines[i])) { print own_url(lines[i]); exit } exit }
  if (action == "has") exit !listed
  if (action == "write" && !ours && !listed) {
    at = NR + 1
    for (i = NR; i >= 1; i--) if (lines[i] !~ /^[ \t]*(#.*)?$/) at = i
  }
  if (action != "write" && !ours && !(listed && action != "on")) exit 3
  for (i = 1; i <= NR; i++) {
    if (i == at) print "local " url " # portcache"
    line = lines[i]
    if (ours) {
      if (!own(line) || action == "write" && listed) print line
      else if (action == "write") print "local " url " # portcache"
      else if (action == "off") print "#local " own_url(line) " # portcache"
      else if (action == "on") print "local " own_url(line) " # portcache"
      continue
    }
    rest = without(line)
    if (!found || action == "write") { print line; continue }
    if (action == "off") print "#local " url " # portcache"
    if (rest != "") print "local" rest
  }
  if (at == NR + 1) print "local " url " # portcache"
}'
edit_lines() { awk -v "action=$1" -v "url=$3" "$program" "$2"; }

# The file that has the line, or is to get it: /etc/portage/mirrors may be a folder, whose files Portage reads in the order of their names.
file=$root/etc/portage/mirrors
if [ -d "$file" ]; then
  folder=$file file='' listing=''
  # Names of files in /etc have no newlines.
  for one in $(find -L "$folder" -type f ! -name '.*' ! -name '*~' | LC_ALL=C sort); do
    if [ -n "$(edit_lines url "$one" '')" ]; then file=$one && break; fi
    if [ -z "$listing" ] && [ -n "$url" ] && edit_lines has "$one" "$url"; then listing=$one; fi
  done
  [ -n "$file" ] || file=${listing:-$folder/00-portcache}
fi
[ ! -e "$file" ] || [ -r "$file" ] || fail "cannot read $file"
present=$file
[ -e "$file" ] || present=/dev/null
[ -n "$url" ] || url=$(edit_lines url "$present" '')
case $fetched_from in http*) [ -n "$url" ] || url=$fetched_from ;; esac
[ -n "$url" ] || [ "$edit" = off ] || [ "$edit" = on ] || [ "$edit" = remove ] || fail "give the address of the server, such as http://cachebox:8000" 2

# A rename, so that a running emerge reads the old or the new file; of a link, what it leads to.
if [ -n "$edit" ]; then
  hint='if you wrote one yourself, give its URL'
  [ "$edit" != on ] || hint='--write adds it'
  after=$(edit_lines "$edit" "$present" "$url" && printf x) || fail "$file has no line of portcache: $hint"
  after=${after%x}
  before=$(cat -- "$present" && printf x)
  before=${before%x}
  # awk ends every line, also the last one of a file that does not.
  if [ "$after" = "$before" ] || [ "${after%?}" = "$before" ]; then
    printf '%s needs no change\n' "$file"
  else
    real=$file
    [ ! -L "$file" ] || real=$(readlink -f -- "$file")
    mkdir -p -- "${real%/*}" || fail "cannot write $file"
    temporary=$real.portcache~
    trap 'rm -f -- "$temporary"' EXIT
    if [ -e "$real" ]; then cp -p -- "$real" "$temporary" || fail "cannot write $file"; fi
    printf '%s' "$after" >"$temporary" || fail "cannot write $file"
    [ -e "$real" ] || chmod 644 "$temporary"
    mv -f -- "$temporary" "$real" || fail "cannot write $file"
    printf '%s is changed\n' "$file"
  fi
elif [ -z "$test" ]; then
  printf 'Portage needs this line in %s:\n\n  local %s\n\n' "$file" "$url"
  if edit_lines has "$present" "$url"; then echo "The line is there."; else echo "It is not there: --write adds it."; fi
fi

[ -n "$test" ] || exit 0
download() {
  if command -v wget >/dev/null; then wget -q -T 60 -O "$2" "$1"; else curl -sS -f --max-time 600 -o "$2" "$1"; fi
}
got=$(mktemp)
trap 'rm -f -- "$got"' EXIT
if ! download "$url/distfiles/layout.conf" "$got" || ! grep -q '^\[structure\]' "$got"; then fail "failed: $url/distfiles/layout.conf"; fi
printf 'ok      %s/distfiles/layout.conf\n' "$url"
# The smallest file of the first Manifests here that have one.
# shellcheck disable=SC2016 # for awk
wanted=$(find "$root"/var/db/repos/*/*-*/*/Manifest 2>/dev/null | head -n 200 | while IFS= read -r one; do cat -- "$one"; done |
  awk '$1 == "DIST" && $3 <= 262144 { for (i = 4; i < NF; i += 2) if ($i == "SHA512") print $3, $2, $(i + 1) }' | sort -n | head -n 5)
[ -n "$wanted" ] || {
  echo "no file fetched: no ebuild repository here"
  exit 0
}
printf '%s\n' "$wanted" | while read -r size name digest; do
  if download "$url/distfiles/$name" "$got" 2>/dev/null && [ "$(wc -c <"$got")" -eq "$size" ] &&
    [ "$(sha512sum <"$got" | cut -d' ' -f1)" = "$digest" ]; then
    printf 'ok      %s/distfiles/%s, as the Manifest says\n' "$url" "$name"
    exit 3
  fi
  printf 'failed  %s/distfiles/%s\n' "$url" "$name"
done || exit 0
exit 1
