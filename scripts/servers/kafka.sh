# Kafka 3.9 in KRaft mode, one node that is broker and controller, out of Maven Central's jars.

KAFKA_VERSION=3.9.2

kafka_port() { port_from 19092; }
kafka_controller_port() { port_from 19093; }
kafka_export() { echo "EVENTS_URL='kafka://127.0.0.1:$(kafka_port)'"; }
kafka_mark() { echo "kafka.Kafka $(data_of kafka)/server.properties"; }
kafka_jars() { echo "$(cache_dir)/kafka-$KAFKA_VERSION"; }

kafka_packages() {
  echo java default-jre-headless
  echo mvn maven
}

kafka_fetch() {
  local jars scratch
  jars=$(kafka_jars)
  [ ! -d "$jars" ] || return 0
  scratch=$(mktemp -d)
  cat >"$scratch/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  mkdir -p "$(cache_dir)"
  rm -rf "$jars.new"
  mvn -q -B -ntp -f "$scratch/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$jars.new" >&2
  mv "$jars.new" "$jars" # last, so that a broken download is never taken for a whole one
  rm -rf "$scratch"
}

kafka_properties() {
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(kafka_controller_port)
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$(kafka_port),CONTROLLER://127.0.0.1:$(kafka_controller_port)
log.dirs=$(data_of kafka)/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
# A restart after kill -9 takes 3.5 s with these, and 11 s without.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
log.cleaner.dedupe.buffer.size=4194304
# What was deleted stays so after a kill -9.
log.flush.start.offset.checkpoint.interval.ms=500
PROPERTIES
}

kafka_start() {
  local properties
  properties=$(data_of kafka)/server.properties
  kafka_properties >"$properties"
  if [ ! -f "$(data_of kafka)/logs/meta.properties" ]; then
    java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$(kafka_jars)/*" kafka.tools.StorageTool \
      format --ignore-formatted -t subscriptionhubtests0w -c "$properties" >"$(log_of kafka)" 2>&1 ||
      { cat "$(log_of kafka)" >&2 && fail "kafka: its folder cannot be formatted"; }
  fi
  detach kafka java -Xmx512m -XX:+UseSerialGC -Djava.awt.headless=true \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -cp "$(kafka_jars)/*" kafka.Kafka "$properties"
  echo $! >"$(pid_file_of kafka)"
}

kafka_ready() { grep -qs 'Kafka Server started' "$(log_of kafka)"; }
