# shellcheck shell=bash
# Finds the project and its tools for the scripts, and installs what is missing. To be sourced.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export root

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 1
}

# Prints the path of the project's own bun, if it is installed. Where npm may not run install scripts, node_modules/.bin/bun
# only prints a notice, and the executable is in the package of the platform.
find_bun() {
  local candidate
  for candidate in "$root"/node_modules/.bin/bun "$root"/node_modules/@oven/bun-linux-*/bin/bun; do
    if [[ -x $candidate ]] && "$candidate" --version >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# npm and bun both read package-lock.json, and neither changes it.
install_packages() {
  if command -v npm >/dev/null; then
    say "Installing packages with npm…"
    (cd "$root" && npm ci --no-audit --no-fund --loglevel=error) >&2 </dev/null || return
  elif command -v bun >/dev/null; then
    say "Installing packages with bun…"
    (cd "$root" && bun install --frozen-lockfile) >&2 </dev/null || return
  else
    die "needs npm or bun to install its packages (Debian: apt install npm; Gentoo: emerge net-libs/nodejs)"
  fi
  cp "$root/package-lock.json" "$root/node_modules/.installed-lock.json"
}

# Installs the packages if they are missing or the lock has changed since; sets $bun.
# shellcheck disable=SC2034 # bun is for the scripts
need_packages() {
  local stamp=$root/node_modules/.installed-lock.json
  # Packages that were installed by hand are used as they are.
  if bun=$(find_bun) && { [[ ! -e $stamp ]] || cmp -s "$root/package-lock.json" "$stamp"; }; then return; fi
  install_packages || die "cannot install the packages"
  bun=$(find_bun) || die "the packages are installed, but their bun does not run on this machine"
}

# need_command COMMAND [PACKAGE]: installs a Debian package if the command is missing and this machine allows it.
need_command() {
  local command=$1 package=${2:-$1}
  if command -v "$command" >/dev/null; then return; fi
  if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
    say "$command is missing; install it (Debian: apt install $package)"
    return 1
  fi
  say "Installing $package…"
  export DEBIAN_FRONTEND=noninteractive
  if apt-get install -qq -y --no-install-recommends "$package" >/dev/null 2>&1 </dev/null; then return; fi
  apt-get update -qq >/dev/null </dev/null &&
    apt-get install -qq -y --no-install-recommends "$package" >/dev/null </dev/null && return
  say "cannot install $package"
  return 1
}

# need_commands PACKAGE[:COMMAND]...: need_command for many, in one go.
need_commands() {
  local each status=0 missing=()
  for each in "$@"; do command -v "${each#*:}" >/dev/null || missing+=("${each%:*}"); done
  ((${#missing[@]} > 0)) || return 0
  if command -v apt-get >/dev/null && [[ $(id -u) = 0 ]]; then
    say "Installing ${missing[*]}…"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 </dev/null
  fi
  # What is still missing is tried alone, and named.
  for each in "$@"; do need_command "${each#*:}" "${each%:*}" || status=1; done
  return "$status"
}

# need_promtool: unpacks promtool from Debian's package; installing the package would start a Prometheus on this machine.
need_promtool() {
  if command -v promtool >/dev/null; then return; fi
  if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
    say "promtool is missing; install it (Debian: apt install prometheus; Gentoo: emerge app-metrics/prometheus)"
    return 1
  fi
  say "Installing promtool…"
  local folder status
  folder=$(mktemp -d)
  (
    cd "$folder" || exit
    # The sandbox user of apt must be able to write there.
    chmod 777 .
    apt-get download -qq prometheus >/dev/null 2>&1 || {
      apt-get update -qq >/dev/null </dev/null && apt-get download -qq prometheus >/dev/null
    } || exit
    dpkg -x prometheus_*.deb unpacked && install unpacked/usr/bin/promtool /usr/local/bin/promtool
  )
  status=$?
  rm -rf -- "$folder"
  ((status == 0)) || say "cannot install promtool"
  return "$status"
}

# apt_sources: sets $debian_suite, $debian_sources and $apt_options for mmdebstrap: this machine's own where it is a Debian of that
# suite, whose packages may come by a local mirror or proxy.
# shellcheck disable=SC2034 # for the scripts
apt_sources() {
  local file
  debian_suite=bookworm debian_sources=() apt_options=()
  # shellcheck source=/dev/null
  [[ $(. /etc/os-release && printf %s "${VERSION_CODENAME-}") = "$debian_suite" ]] || return 0
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
    [[ ! -s $file ]] || debian_sources+=("$file")
  done
  for file in /etc/apt/apt.conf.d/*; do
    if grep -q '^Acquire' "$file"; then apt_options+=("--aptopt=$file"); fi
  done
}
