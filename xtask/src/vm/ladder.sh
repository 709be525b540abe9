# What the scripts of the feature ladder share: the doctor's answer, and one event seen.

# A command in front of tcpmon, such as one that gives up privileges.
as=""

doctor() {
  answer=$($as tcpmon doctor --json)
  status=$?
  echo "@@ doctor $answer"
  return $status
}

# An agent inside `watch` sees the connections to a port where nobody listens.
event() {
  (while sleep 1; do nc -w 1 127.0.0.1 9 </dev/null; done) 2>/dev/null &
  echo "@@ event $(timeout 60 $as tcpmon watch -n 1 --output jsonl)"
}
