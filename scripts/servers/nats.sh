# NATS by apt, plain (no JetStream): only Moleculer's transporter goes over it.

nats_port() { port_from 14222; }
nats_export() { echo "TRANSPORTER='nats://127.0.0.1:$(nats_port)'"; }
nats_mark() { echo "-P $(pid_file_of nats)"; }
nats_packages() { echo nats-server nats-server; }
nats_fetch() { :; }

nats_start() {
  rm -f "$(pid_file_of nats)"
  detach nats nats-server -a 127.0.0.1 -p "$(nats_port)" -P "$(pid_file_of nats)"
}

nats_ready() { grep -qs 'Server is ready' "$(log_of nats)"; }
