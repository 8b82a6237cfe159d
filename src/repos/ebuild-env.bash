# shellcheck shell=bash
# Sources the ebuilds of one package and reports the metadata of each. Implements PMS chapters 6, 7 and 10 to 12 for EAPI 0
# to 9, as far as global scope may use them, and no phases. Where PMS leaves something open, it does what Portage's
# bin/ebuild.sh does in its phase "depend".
#
# Runs as `bash -c TEXT` with only LC_ALL=C and TMPDIR in its environment. TMPDIR must be writable (here-documents) and
# empty, and /dev/null and /dev/fd (process substitution) must exist.
# Standard input is a list in which every field ends with a NUL:
#   CATEGORY PN FOLDER NUMBER ECLASS-FOLDER… and then for each ebuild: PF PV PR EAPI
# Standard output is, for each ebuild in turn and as soon as it is done, PF STATUS REPLY, each ending with a NUL. REPLY
# is what the ebuild wrote to its standard error; within that, between \036 and \036, are records of this environment:
#   died NEWLINE MESSAGE
#   evaluated NEWLINE EAPI NEWLINE SRC_URI NEWLINE RESTRICT NEWLINE HOMEPAGE NEWLINE INHERITED NEWLINE
#
# Each ebuild is sourced in its own subshell, whose output is collected here: no ebuild has the descriptor of the replies,
# and none can write a NUL, since command substitutions drop them. Internal names start with __portcache_. Settings of an
# ebuild (`set -u`, IFS) also apply in these functions, which are written for that.

# Honest mistakes end in command_not_found_handle. This contains nothing: that is the sandbox's task.
# shellcheck disable=SC2123 # on purpose
PATH=/nonexistent
# As in Portage: both are on in bash 5.2 by default and break ebuilds, and BASH_COMPAT does not turn them off.
shopt -u patsub_replacement globskipdots 2>/dev/null
shopt -s expand_aliases
# Ends an endless recursion at once.
FUNCNEST=1000

# __portcache_die WHAT-IT-DOES: makes the ebuild fail, wherever it is called. From a subshell only the message gets out, which
# is enough: the reader of the reply ignores results beside it.
__portcache_die() {
  builtin printf '\036died\n%s\036' "${1//$'\036'/ }" >&"$__portcache_reply_fd"
  exit 1
}

# PMS 12.3.6; -n from EAPI 6 on
die() {
  if [[ $__portcache_eapi != [0-5] && ${1-} == -n ]]; then
    shift
    [[ -z ${__portcache_nonfatal-} ]] || return 1
  fi
  local IFS=' '
  __portcache_die "died: ${*:-no message}"
}

# PMS 12.3.6; banned from EAPI 9 on
assert() {
  local statuses=("${PIPESTATUS[@]}") status
  for status in "${statuses[@]}"; do
    [[ $status == 0 ]] || die "$@"
  done
}

# PMS 12.3.1, from EAPI 4 on
nonfatal() {
  # shellcheck disable=SC2034 # for die
  local __portcache_nonfatal=1
  "$@"
}

# PMS 6: no external programs. Bash calls this in a subshell.
command_not_found_handle() {
  __portcache_die "runs the command $1"
}

# Not for global scope (PMS 12.3), like all functions of phases; only these have a message of their own.
for __portcache_name in use useq usev usex use_with use_enable in_iuse has_version best_version portageq; do
  eval "$__portcache_name() { __portcache_die 'calls $__portcache_name in global scope'; }"
done

# PMS 12.3.5 and 12.3.16: messages, which nobody reads
for __portcache_name in einfo einfon elog ewarn eerror eqawarn ebegin debug-print{,-function,-section}; do
  eval "$__portcache_name() { :; }"
done
eend() {
  return "${1:-0}"
}

# PMS 12.3.13; hasv and hasq are banned from EAPI 8 on
has() {
  local word
  for word in "${@:2}"; do
    if [[ $word == "${1-}" ]]; then return 0; fi
  done
  return 1
}
hasv() {
  if ! has "$@"; then return 1; fi
  printf '%s\n' "$1"
}
hasq() {
  has "$@"
}

# PMS 12.3.15, from EAPI 6 on: without a profile it is this.
get_libdir() {
  printf 'lib\n'
}

# PMS 10.1
inherit() {
  for __portcache_name in "$@"; do
    # As in Portage, where an empty name ends the list.
    [[ -n $__portcache_name ]] || break
    __portcache_inherit "$__portcache_name"
  done
}

__portcache_inherit() {
  local ECLASS=$1 __portcache_exported=() __portcache_file
  # PMS 3.1.6
  [[ $1 == [A-Za-z_]* && $1 != *[!A-Za-z0-9_.-]* ]] || __portcache_die "inherits '$1', which is not a valid name of an eclass"
  for __portcache_file in "${__portcache_eclass_folders[@]/%//$1.eclass}"; do
    [[ ! -f $__portcache_file ]] || break
  done
  if [[ ! -f ${__portcache_file-} ]]; then
    # The sandbox has nothing outside of the folders that a link could lead to.
    for __portcache_file in "${__portcache_eclass_folders[@]/%//$1.eclass}"; do
      [[ ! -L $__portcache_file ]] || __portcache_die "inherits $1, and $1.eclass is a link out of the repository"
    done
    __portcache_die "inherits $1, and there is no $1.eclass"
  fi

  # PMS 10.2: an eclass finds these unset, what it sets is kept apart, and the ebuild finds its own again.
  # shellcheck disable=SC2034 # for eclasses
  local IUSE REQUIRED_USE DEPEND RDEPEND PDEPEND BDEPEND IDEPEND
  # shellcheck disable=SC2034 # for eclasses
  [[ $__portcache_eapi == [0-7] ]] || local PROPERTIES RESTRICT
  set --
  # shellcheck disable=SC1090 # known only now
  source "$__portcache_file" || __portcache_die "inherits $ECLASS.eclass, which ends with status $?"
  [[ $__portcache_eapi == [0-7] ]] || __portcache_restrict+=" ${RESTRICT-}"
  ((${#__portcache_exported[@]} == 0)) || __portcache_export
  # In Portage's order: an eclass comes after those that it inherits itself.
  [[ " ${INHERITED-} " == *" $ECLASS "* ]] || INHERITED+=" $ECLASS"
}

__portcache_export() {
  local name
  for name in "${__portcache_exported[@]}"; do
    declare -F "${ECLASS}_$name" >/dev/null ||
      __portcache_die "inherits $ECLASS.eclass, which has no ${ECLASS}_$name to export"
    eval "$name() { ${ECLASS}_$name \"\$@\"; }"
  done
}

# PMS 10.3. The functions are defined at the end of the eclass.
EXPORT_FUNCTIONS() {
  [[ -n ${ECLASS-} ]] || __portcache_die 'calls EXPORT_FUNCTIONS outside of an eclass'
  __portcache_exported+=("$@")
}

# Versions: PMS 12.3.14 (ver_cut, ver_rs, ver_test, from EAPI 7 on) and 3.3 (comparison).

# __portcache_ver_split VERSION: fills the caller's `parts` with separator, component, separator, component…; components
# are digits or letters, and the first separator and the last component may be empty.
__portcache_ver_split() {
  local rest=$1 separator component
  while [[ -n $rest ]]; do
    separator=${rest%%[a-zA-Z0-9]*}
    rest=${rest#"$separator"}
    if [[ $rest == [0-9]* ]]; then component=${rest%%[!0-9]*}; else component=${rest%%[!a-zA-Z]*}; fi
    rest=${rest#"$component"}
    parts+=("$separator" "$component")
  done
}

# __portcache_ver_range RANGE LAST: sets the caller's `first` and `last`.
__portcache_ver_range() {
  local pattern='^([0-9]+)(-([0-9]*))?$'
  [[ $1 =~ $pattern ]] || __portcache_die "calls ver_cut or ver_rs with '$1', which is not a range"
  first=$((10#${BASH_REMATCH[1]})) last=$2
  if [[ -z ${BASH_REMATCH[2]} ]]; then last=$first; fi
  if [[ -n ${BASH_REMATCH[3]} ]]; then last=$((10#${BASH_REMATCH[3]})); fi
  ((first <= last)) || [[ $1 == *- ]] || __portcache_die "calls ver_cut or ver_rs with '$1', which is not a range"
  if ((last > $2)); then last=$2; fi
}

ver_cut() {
  local first last index text='' parts
  __portcache_ver_split "${2:-$PV}"
  __portcache_ver_range "${1-}" $((${#parts[@]} / 2))
  # From the component `first`, or with 0 from the separator before the first one.
  for ((index = first > 0 ? 2 * first - 1 : 0; index < 2 * last; index++)); do
    text+=${parts[index]}
  done
  printf '%s\n' "$text"
}

ver_rs() {
  local first last index parts version=$PV IFS=''
  if (($# % 2)); then version=${*: -1}; fi
  __portcache_ver_split "$version"
  while (($# >= 2)); do
    __portcache_ver_range "$1" $((${#parts[@]} / 2 - 1))
    for ((index = first; index <= last; index++)); do
      # The first separator exists only where the version has one.
      if ((index > 0)) || [[ -n ${parts[0]-} ]]; then parts[2 * index]=$2; fi
    done
    shift 2
  done
  printf '%s\n' "${parts[*]}"
}

ver_test() {
  local order=0 version=$PVR
  if (($# == 3)); then
    version=$1
    shift
  fi
  [[ $# == 2 && $1 == -@(eq|ne|lt|le|gt|ge) ]] || __portcache_die "calls ver_test with '$*', which is not a comparison"
  __portcache_compare_versions "$version" "$2"
  test "$order" "$1" 0
}

# These set the caller's `order`, which is 0 before, to -1, 0 or 1. They are many and small, since bash copies a whole
# function with each call.
__portcache_compare_texts() {
  if [[ $1 == "$2" ]]; then order=0; elif [[ $1 < $2 ]]; then order=-1; else order=1; fi
}
# Numbers of any length; an empty one is 0.
__portcache_compare_numbers() {
  local a=${1#"${1%%[!0]*}"} b=${2#"${2%%[!0]*}"}
  if ((${#a} == ${#b})); then __portcache_compare_texts "$a" "$b"; else order=$((${#a} < ${#b} ? -1 : 1)); fi
}

# Algorithm 3.1
__portcache_compare_versions() {
  local a=${1%%[!0-9.]*} b=${2%%[!0-9.]*}
  [[ .$a. != *..* && .$b. != *..* ]] || __portcache_die "calls ver_test with '$1' and '$2', which are not both versions"
  # Algorithm 3.2; more components are greater than fewer.
  local x=$a. y=$b. p q first=1
  while [[ -n $x && -n $y && $order == 0 ]]; do
    p=${x%%.*} q=${y%%.*} x=${x#*.} y=${y#*.}
    [[ $p == "$q" ]] || __portcache_compare_components "$p" "$q" "$first"
    first=''
  done
  [[ $order != 0 || $x == "$y" ]] || __portcache_compare_texts "${x:+1}" "${y:+1}"
  [[ $a == "$1" && $b == "$2" ]] || __portcache_compare_ends "${1#"$a"}" "${2#"$b"}"
}

# Algorithm 3.3: a component with a leading zero, except for the first one, is a decimal fraction.
__portcache_compare_components() {
  if [[ -z $3 && ($1 == 0* || $2 == 0*) ]]; then
    __portcache_compare_texts "${1%"${1##*[!0]}"}" "${2%"${2##*[!0]}"}"
  else
    __portcache_compare_numbers "$1" "$2"
  fi
}

# Letter, suffixes and revision after the numbers (PMS 3.2). Algorithms 3.4 and 3.7.
readonly __portcache_version_end='^([a-z]?)((_(alpha|beta|pre|rc|p)[0-9]*)*)(-r([0-9]+))?$'
__portcache_compare_ends() {
  local a b
  [[ $1 =~ $__portcache_version_end ]] || __portcache_die "calls ver_test with a version that ends with '$1'"
  a=("${BASH_REMATCH[@]}")
  [[ $2 =~ $__portcache_version_end ]] || __portcache_die "calls ver_test with a version that ends with '$2'"
  b=("${BASH_REMATCH[@]}")
  [[ $order != 0 ]] || __portcache_compare_texts "${a[1]}" "${b[1]}"
  [[ $order != 0 ]] || __portcache_compare_suffixes "${a[2]}" "${b[2]}"
  [[ $order != 0 ]] || __portcache_compare_numbers "${a[6]}" "${b[6]}"
}

# Algorithms 3.5 and 3.6. No suffix ranks below _p and above the others.
declare -rA __portcache_suffix=([_alpha]=1 [_beta]=2 [_pre]=3 [_rc]=4 [none]=5 [_p]=6)
__portcache_compare_suffixes() {
  local x=$1 y=$2 p q m n
  while [[ $order == 0 && -n $x$y ]]; do
    p=${x#_} p=${x:+_${p%%_*}} q=${y#_} q=${y:+_${q%%_*}}
    x=${x#"$p"} y=${y#"$q"} m=${p%%[0-9]*} n=${q%%[0-9]*}
    __portcache_compare_texts "${__portcache_suffix[${m:-none}]}" "${__portcache_suffix[${n:-none}]}"
    [[ $order != 0 ]] || __portcache_compare_numbers "${p#"$m"}" "${q#"$n"}"
  done
}

# __portcache_begin PF PV PR EAPI: sets up what differs for each ebuild.
# shellcheck disable=SC2034 # variables for ebuilds
__portcache_begin() {
  local build=/var/tmp/portage/$CATEGORY/$1
  # PMS 11.1: the variables for global scope. Ebuilds may name the folders, not use them; TMPDIR stays as it was.
  PF=$1 PV=$2 PR=$3 PVR=${1#"$PN-"} P=$PN-$2
  FILESDIR=$build/files DISTDIR=$build/distdir WORKDIR=$build/work S=$build/work/$P T=$build/temp HOME=$build/homedir
  EPREFIX='' USE=''
  # Portage's own; eclasses ask for it.
  EBUILD_PHASE=depend

  readonly __portcache_reply_fd __portcache_eapi=$4
  __portcache_restrict=''

  # Functions that this EAPI does not have, or that eclasses define for it (PMS 12.3).
  if [[ $4 == [0-3] ]]; then unset -f nonfatal; fi
  if [[ $4 == [0-5] ]]; then unset -f get_libdir; fi
  if [[ $4 == [0-6] ]]; then unset -f ver_cut ver_rs ver_test; fi
  if [[ $4 != [0-7] ]]; then unset -f hasv hasq; fi
  if [[ $4 != [0-8] ]]; then unset -f assert; fi

  # PMS 6. A bash before 5.3 comes as close as it can.
  case $4 in
    [0-5]) BASH_COMPAT=3.2 ;;
    [67]) BASH_COMPAT=4.2 ;;
    8) BASH_COMPAT=5.0 ;;
    9) if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 503)); then BASH_COMPAT=5.3; fi ;;
  esac
  if [[ $4 != [0-5] ]]; then shopt -s failglob; fi
}

# Reports the ebuild's variables. Functions of ebuild and eclasses may have the names of commands used here: in POSIX mode
# bash finds the special builtins (unset, set, trap) before functions.
__portcache_report() {
  POSIXLY_CORRECT=1
  unset -f unset set trap printf
  trap - DEBUG EXIT
  set +x -f
  unset -v IFS || return
  __portcache_values=()
  # RESTRICT accumulates from EAPI 8 on (PMS 10.2); before, the last value counts.
  for __portcache_value in \
    "${EAPI:-0}" "${SRC_URI-}" "${RESTRICT-} $__portcache_restrict" "${HOMEPAGE-}" "${INHERITED-}"; do
    # Split and joined again, so that each run of white space becomes one blank.
    # shellcheck disable=SC2086 # split on purpose
    set -- $__portcache_value
    __portcache_values+=("$*")
  done
  printf '\036evaluated\n%s\n%s\n%s\n%s\n%s\n\036' "${__portcache_values[@]}" >&"$__portcache_reply_fd"
}

# Ebuilds cannot replace these.
readonly -f __portcache_{die,inherit,export,begin,report,ver_split,ver_range}
readonly -f __portcache_compare_{texts,numbers,versions,components,ends,suffixes}

mapfile -d '' -t __portcache_list
# Patterns must not match any file.
cd -- "$TMPDIR" || exit
CATEGORY=${__portcache_list[0]} PN=${__portcache_list[1]}
__portcache_folder=${__portcache_list[2]}
# The last folder with an eclass counts, so they are searched from last to first.
for ((__portcache_at = 3 + __portcache_list[3]; __portcache_at > 3; __portcache_at--)); do
  __portcache_eclass_folders+=("${__portcache_list[__portcache_at]}")
done

# Not in a function, so that declarations in global scope are global.
for ((__portcache_at = 4 + __portcache_list[3]; __portcache_at < ${#__portcache_list[@]}; __portcache_at += 4)); do
  __portcache_reply=$(
    # One command, so that bash parses it before the ebuild can define aliases.
    {
      exec {__portcache_reply_fd}>&1 2>&1 >/dev/null
      __portcache_begin "${__portcache_list[@]:__portcache_at:4}"
      # shellcheck disable=SC1090 # known only now
      source "$__portcache_folder/$PF.ebuild" || __portcache_die "ends with status $?"
      __portcache_report
    }
  )
  printf '%s\0%s\0%s\0' "${__portcache_list[__portcache_at]}" $? "$__portcache_reply"
done
