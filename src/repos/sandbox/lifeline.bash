# shellcheck shell=bash
# Runs the command given as arguments. Kills the whole process group when the other end of descriptor 3 is closed, as it is
# when the server is killed.
exec 4>&2 2>/dev/null
(
  read -r -u 3
  kill -KILL 0
) <&- >&- 4>&- &
lifeline=$!
"$@" 2>&4 3<&- 4>&-
status=$?
kill -KILL "$lifeline"
wait "$lifeline"
exit "$status"
