# What the four servers share. Each NAME.sh beside this file defines
#   NAME_port, NAME_export, NAME_packages, NAME_fetch, NAME_start, NAME_ready, NAME_mark
# where NAME_mark is a text that only this server's own command line holds.

ALL=(mongo kafka rabbit nats)

log() { echo "servers: $*" >&2; }
fail() {
  log "$*"
  exit 1
}

# The name as it is used here; fails for one that is not known.
known() {
  case $1 in
    mongo | mongodb) echo mongo ;;
    kafka) echo kafka ;;
    rabbit | rabbitmq) echo rabbit ;;
    nats) echo nats ;;
    *) fail "no server is called $1; there are ${ALL[*]}" ;;
  esac
}

cache_dir() { echo "$SERVERS_HOME/cache"; }
data_of() { echo "$SERVERS_HOME/data-$SERVERS_PORT_OFFSET/$1"; }
log_of() { echo "$(data_of "$1")/server.log"; }
pid_file_of() { echo "$(data_of "$1")/server.pid"; }
port_from() { echo $(($1 + SERVERS_PORT_OFFSET)); }

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# One `up`, `down` or `wipe` at a time; servers are started with descriptor 9 closed, or they would hold the lock.
lock() {
  mkdir -p "$SERVERS_HOME"
  exec 9>"$SERVERS_HOME/.lock"
  flock -w 300 9 || fail "another run has held $SERVERS_HOME for 300 s"
}

# wait_until SECONDS COMPLAINT COMMAND...
wait_until() {
  local deadline=$((SECONDS + $1)) complaint=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "$complaint"
    sleep 0.1
  done
}

# Starts a command of its own session, its output in the server's log.
detach() {
  local name=$1
  shift
  setsid nohup "$@" >"$(log_of "$name")" 2>&1 </dev/null 9>&- &
}

# The pid, if that process is alive and is this server: a pid file outlives its process, and pids are used again.
pid_of() {
  local pid
  pid=$(tr -dc 0-9 2>/dev/null <"$(pid_file_of "$1")") && [ -n "$pid" ] || return 1
  ! has_ended "$pid" || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -F -- "$("${1}_mark")" >/dev/null || return 1
  echo "$pid"
}

# One letter, as in ps; nothing when there is no such process.
process_state() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }

# A process killed with -9 that nobody reaped is a zombie: dead.
has_ended() { [[ $(process_state "$1") != [!ZX] ]]; }

is_running() { pid_of "$1" >/dev/null; }
is_gone() { ! is_running "$1"; }

state_of() {
  local pid
  pid=$(pid_of "$1") || { echo down && return; }
  [ "$(process_state "$pid")" = T ] && echo paused || echo up
}

port_answers() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_is_free() { ! port_answers "$1"; }

# True when there is nothing left to wait for. A server that has not written its pid yet is not dead.
ready_or_dead() {
  if [ -s "$(pid_file_of "$1")" ] && is_gone "$1"; then return 0; fi
  "${1}_ready"
}

stop_one() {
  local name=$1 pid
  if pid=$(pid_of "$name"); then
    kill -TERM "$pid"
    kill -CONT "$pid" # a paused one would not hear it
    # By its pid: RabbitMQ takes its pid file away long before it has ended.
    (wait_until 20 "$name: does not end, killing it" has_ended "$pid") || kill -KILL "$pid"
    log "$name: down"
  fi
  rm -f "$(pid_file_of "$name")"
  if declare -F "${name}_after_stop" >/dev/null; then "${name}_after_stop"; fi
}

# Installs the Debian packages whose command is missing: lines of "command package" from each server.
install_packages() {
  local name command package missing=()
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done < <(for name in "$@"; do "${name}_packages"; done | sort -u)
  [ "${#missing[@]}" -gt 0 ] || return 0

  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] ||
    fail "needs the Debian packages ${missing[*]}: install them, or run this as root where there is apt-get," \
      "or use docker-compose.yml"
  log "installing ${missing[*]}"
  apt-get update -qq >&2
  # RUNLEVEL=1 keeps the packages from starting their own services on the usual ports.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 9>&-
}
