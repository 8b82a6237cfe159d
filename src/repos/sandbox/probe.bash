# shellcheck shell=bash
# Checks that a sandbox works: prints "works", or the problem as a part of a sentence.
# Standard input: KIND FILE PORT, each with a NUL at its end. FILE must be readable, PORT listens on 127.0.0.1.
problem() {
  printf %s "$1"
  exit 1
}
mapfile -d '' -t given
kind=${given[0]} file=${given[1]} port=${given[2]}

# Ebuilds need these. Without them bash goes on, with other results.
BASH_COMPAT=3.2
{ read -r word <<<here && [[ $word == here ]]; } || problem 'here-strings do not work'
{ read -r word < <(printf 'there\n') && [[ $word == there ]]; } || problem 'process substitution does not work'
{ read -r word <"$file" && [[ -n $word ]]; } || problem 'readable files cannot be read'

for limit in c f n t u v; do
  [[ $(ulimit "-H$limit") != unlimited ]] || problem "there is no limit (ulimit -$limit)"
done
((UID != 0)) || problem 'bash has the rights of root'
while read -r field value; do
  [[ $field != CapEff: || $value =~ ^0+$ ]] || problem 'bash has privileges'
done </proc/self/status

if [[ $kind != none ]]; then
  [[ ! -e /etc/group ]] || problem 'files of the machine can be seen'
  if { : >/portcache || : >/dev/portcache; } 2>/dev/null; then problem 'files can be made'; fi
  processes=(/proc/[0-9]*)
  ((${#processes[@]} < 5)) || problem 'processes of the machine can be seen'
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then problem 'the network can be reached'; fi
fi
printf works
