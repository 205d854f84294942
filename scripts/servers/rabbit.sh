# RabbitMQ by apt, as a node of its own beside any that the system runs.

rabbit_port() { port_from 15673; }
rabbit_export() { echo "COMMANDS_URL='amqp://guest:guest@127.0.0.1:$(rabbit_port)'"; }
rabbit_mark() { echo "-hub $(data_of rabbit) "; }
# Not the wrapper on the PATH: that one changes to the user rabbitmq.
rabbit_packages() { echo /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server; }
rabbit_fetch() { :; }

rabbit_environment() {
  local data
  data=$(data_of rabbit)
  export HOME=$data/home
  export RABBITMQ_NODENAME=rabbit$(rabbit_port)@localhost
  export RABBITMQ_MNESIA_BASE=$data/mnesia
  export RABBITMQ_LOG_BASE=$data/log
  export RABBITMQ_ENABLED_PLUGINS_FILE=$data/enabled_plugins
  export RABBITMQ_CONFIG_FILE=$data/rabbitmq.conf
  export RABBITMQ_CONF_ENV_FILE=/dev/null
  RABBITMQ_PID_FILE=$(pid_file_of rabbit)
  RABBITMQ_NODE_PORT=$(rabbit_port)
  RABBITMQ_DIST_PORT=$(port_from 35673)
  ERL_EPMD_PORT=$(port_from 35674)
  export RABBITMQ_PID_FILE RABBITMQ_NODE_PORT RABBITMQ_DIST_PORT ERL_EPMD_PORT
  export ERL_EPMD_ADDRESS=127.0.0.1
  # +sbwt none: idle schedulers must not spin, the tests need the cores. -hub: the mark of rabbit_mark.
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} \
+sbwt none +sbwtdcpu none +sbwtdio none -hub $data "
}

rabbit_start() (
  rabbit_environment
  mkdir -p "$HOME"
  rm -f "$RABBITMQ_PID_FILE"
  echo "[]." >"$RABBITMQ_ENABLED_PLUGINS_FILE"
  cat >"$RABBITMQ_CONFIG_FILE" <<CONF
listeners.tcp.default = 127.0.0.1:$(rabbit_port)
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
log.console.level = error
CONF
  ulimit -n 65536 2>/dev/null || true
  detach rabbit /usr/lib/rabbitmq/bin/rabbitmq-server
)

rabbit_ready() { grep -qs 'Starting broker... completed' "$(log_of rabbit)" && port_answers "$(rabbit_port)"; }

# Erlang's port mapper outlives the node; it is on a port of its own, so nobody else's.
rabbit_after_stop() (
  rabbit_environment
  epmd -kill >/dev/null 2>&1 || true
)
