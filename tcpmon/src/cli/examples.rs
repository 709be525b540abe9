//! What `--help` and the manual page of a command end with: examples, and what else is to be known.

pub(super) const AGENT: &str = "\
SIGHUP makes it read the file again, SIGTERM stop. Flags win over the environment, that over the \
file, that over the defaults: `tcpmon config show` says what is in effect and why.

Examples:
  tcpmon agent                                        serve Prometheus and the other commands
  tcpmon agent --config /etc/tcpmon.toml --log.format json
  tcpmon agent --web.listen-address '[::]:9934'       for a Prometheus elsewhere
  curl -s http://127.0.0.1:9934/metrics               what it serves";

pub(super) const TOP: &str = "\
Examples:
  tcpmon top                                          everything; ? shows the keys
  tcpmon top 'proc = nginx'                           one program's sockets
  tcpmon top --batch -n 1                             one picture as text, for a file or a mail
  tcpmon top --prometheus http://prometheus:9090      a fleet: its hosts by trouble
  tcpmon top --prometheus https://prometheus --prometheus.match 'cluster=`x`'
  tcpmon top --prometheus http://prometheus:9090 --output json | jq '.hosts[0]'

The file of --prometheus.config is what Prometheus calls http_config: basic_auth (username, \
password or password_file), authorization (credentials or credentials_file), tls_config (ca_file, \
cert_file, key_file, server_name).";

pub(super) const LS: &str = "\
The filter joins state, sport, dport, src, dst, proc, pid, unit, container, netns and age by and, or, \
not and parentheses; a filter that is not understood matches nothing and says where. Columns and \
sorting take the names above the columns and those of the JSON fields; --output wide shows most.

Examples:
  tcpmon ls 'state close-wait and age > 5m'           which process forgot to close
  tcpmon ls 'dst 10.0.0.0/8 and dport = :5432'        connections to the databases
  tcpmon ls -o age,process,pid,fd,remote --sort process
  tcpmon ls 'state listening' --sort recv-q --limit 5 the fullest accept queues
  tcpmon ls 'netns = lab and not state listening'     in one network namespace, by name or inode
  tcpmon ls 'unit = nginx.service' --follow           again every two seconds
  tcpmon ls --output jsonl | jq -r .process | sort | uniq -c";

pub(super) const WATCH: &str = "\
The edge is what the kernel announced. Columns of the event itself are time, transition, after and \
reason; the others are those of `tcpmon ls`.

Examples:
  tcpmon watch                                        every transition of the machine
  tcpmon watch 'dport = :5432' --output jsonl         towards a database, for a program
  tcpmon watch 'state close-wait' -o time,process,pid,remote
  tcpmon watch 'pid = 1234' -n 20                     twenty transitions of one process";

pub(super) const DIAGNOSE: &str = "\
Examples:
  tcpmon diagnose                                     what is wrong, the worst first
  tcpmon diagnose --check                             for Nagios, Icinga, Sensu: one line and a code
  tcpmon diagnose --output json | jq '.verdicts[].what'
  tcpmon explain close_wait_leak                      what a verdict means";

pub(super) const RECORD: &str = "\
The file begins with all that the agent knows at that moment, and goes on with every transition, dump \
and scan: a replay shows the same sockets, owners, ages and verdicts, on any machine and without root. \
Verdicts are judged anew from the beginning of the recording on. It names addresses, processes, users \
and control groups; only its owner may read it. It ends after --duration, before it is larger than \
--max-size, at Ctrl-C or SIGTERM, and is complete each time; of one whose recorder was killed all but \
the last second can be replayed.

Examples:
  tcpmon record leak.rec                              at most an hour and 256 MiB
  tcpmon record -d 5m leak.rec 'proc = payments'      one program's sockets, for five minutes
  ssh db1 tcpmon record -d 1m - > db1.rec             of another machine
  tcpmon replay leak.rec                              look at it";

pub(super) const EXPLAIN: &str = "\
Examples:
  tcpmon explain                                      the state diagram, and what can be explained
  tcpmon explain close-wait                           a state
  tcpmon explain 'FIN_WAIT2 -> TIME_WAIT'             an edge; quote the arrow
  tcpmon explain close_wait_leak                      a verdict
  tcpmon explain no_port                              why a connection ended";

pub(super) const DOCTOR: &str = "\
Examples:
  sudo tcpmon doctor                                  all that an agent would find
  tcpmon doctor --json                                for a program; code 4 when it cannot work";

pub(super) const CONFIG: &str = "\
Examples:
  tcpmon config example > tcpmon.toml                 every key with its default and reason
  tcpmon config check tcpmon.toml                     ok, or what is wrong where
  tcpmon config show --config tcpmon.toml             what is in effect, and where it comes from";
