# What the scripts of the feature ladder share: the doctor's answer, one event seen, one socket listed.

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

# A listener that was there before any agent: `ls` knows it from a list of the kernel alone.
listed() {
  nc -l -p 9099 127.0.0.1 >/dev/null 2>&1 &
  while ! grep -q ':238B 00000000:0000 0A' /proc/net/tcp; do sleep 1; done
  echo "@@ listed $($as tcpmon ls 'state listen and sport = :9099' --output jsonl)"
}
