#!/usr/bin/env bash
# A throw-away Ceph RGW on loopback: a real S3 server, which shares no code with anything that is tested against it.
#
#   rgw.sh install   the Debian packages (as root)
#   rgw.sh start     up in about two seconds; does nothing when it is up
#   rgw.sh stop      ends the daemons that `start` left, by their process ids
#   rgw.sh wipe      stop, and remove RGW_DIR
#   rgw.sh status    the daemons' process ids; exit 1 unless all are up
#   rgw.sh env       `export` lines: endpoints, certificate, the keys of two users
#
# One monitor, one OSD that keeps everything in memory, one gateway, as plain processes: no systemd, no containers, no
# manager daemon (the data path works without), no authentication among them. Data ends with the OSD, so `start` after
# `stop` begins from nothing. Several instances live side by side when each has its own RGW_DIR and ports:
#
#   RGW_DIR         all state, logs and the certificate   ($TMPDIR/s3sync-rgw)
#   RGW_PORT        S3 over http                          (7480)
#   RGW_TLS_PORT    S3 over https                         (7443)
#   RGW_MON_PORT    the monitor                           (7460)
#   RGW_OWNER_PID   wipe when this process is gone, so that a killed test run leaves nothing behind
set -euo pipefail
unset CEPH_ARGS CEPH_CONF PYTHONPATH PYTHONHOME  # the caller's, which the daemons and the `ceph` tool would obey

dir=${RGW_DIR:-${TMPDIR:-/tmp}/s3sync-rgw}
port=${RGW_PORT:-7480}
tls_port=${RGW_TLS_PORT:-7443}
mon_port=${RGW_MON_PORT:-7460}
conf=$dir/ceph.conf
packages=(radosgw ceph-mon ceph-osd curl openssl)
daemons=(rgw osd mon)

running() {  # running DAEMON: is the process we noted still the daemon that we started?
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$conf"
}

launch() {  # launch DAEMON COMMAND...: in a session of its own, so that Ctrl-C in a test run does not reach it
  local name=$1
  shift
  running "$name" && return
  setsid "$@" -c "$conf" -f >>"$dir/$name.out" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

await() {  # await SECONDS WHAT COMMAND...: poll until the command succeeds; show the logs when it does not
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "rgw.sh: no $what" >&2
      tail -n 15 "$dir"/*.out "$dir"/*.log >&2 || true
      return 1
    fi
    sleep 0.05
  done
}

gone() { ! running "$1"; }
ceph_() { timeout 20 ceph -c "$conf" "$@"; }
admin() { timeout 60 radosgw-admin -c "$conf" -n client.rgw "$@" >/dev/null 2>>"$dir/admin.out"; }
osd_up() { ceph_ osd stat | grep -q '1 up'; }
answers() { running rgw && curl --silent --noproxy '*' --max-time 2 --output /dev/null "http://127.0.0.1:$port/"; }

stop() {
  local name
  for name in "${daemons[@]}"; do
    if running "$name"; then
      kill "$(cat "$dir/$name.pid")" || true
      await 5 "end of $name" gone "$name" 2>/dev/null || kill -9 "$(cat "$dir/$name.pid")" || true
    fi
    rm -f "$dir/$name.pid"
  done
}

configure() {
  cat >"$conf" <<CONF
[global]
fsid = $1
mon_host = [v2:127.0.0.1:$mon_port/0]
mon_initial_members = a
ms_bind_msgr1 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = false
# Without authentication there is no secure mode, and the gateway would wait for one for ever.
ms_mon_client_mode = crc
run_dir = $dir
admin_socket =
log_file = $dir/\$name.log
mon_cluster_log_file = $dir/cluster.log
log_max_recent = 100
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data = $dir/mon
# A developer's disk is often nearly full; nothing that matters here is written to it.
mon_data_avail_warn = 1
mon_data_avail_crit = 0
[mon]
paxos_propose_interval = 0.05
[osd]
osd_data = $dir/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw]
rgw_data = $dir/rgw
# Without tcp_nodelay each request on a kept connection takes 40 ms.
rgw_frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$tls_port ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls.key
# Any host name that is neither this one nor an address is taken for a bucket's.
rgw_dns_name = localhost
rgw_thread_pool_size = 64
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_dynamic_resharding = false
rgw_override_bucket_index_max_shards = 1
rgw_user_max_buckets = 100000
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=
CONF
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1' \
    -keyout "$dir/tls.key" -out "$dir/tls.pem" 2>/dev/null
}

start() {
  local tool fsid osd_id
  if answers; then return; fi
  for tool in radosgw radosgw-admin ceph ceph-mon ceph-osd monmaptool curl openssl; do
    command -v "$tool" >/dev/null || { echo "rgw.sh: no $tool; try: rgw.sh install" >&2; exit 1; }
  done
  stop
  rm -rf "$dir"
  mkdir -p "$dir"/{mon,osd,rgw}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd_id=$(cat /proc/sys/kernel/random/uuid)
  configure "$fsid"

  monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap" >/dev/null
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
  launch mon ceph-mon -i a
  ceph_ osd new "$osd_id" >/dev/null
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd_id" >>"$dir/osd.out" 2>&1
  launch osd ceph-osd -i 0
  await 30 'OSD' osd_up  # a gateway that starts earlier hangs in the making of its pools
  launch rgw radosgw -n client.rgw
  await 60 'answer from the gateway' answers
  admin user create --uid=s3sync --display-name=s3sync --access-key=s3synctest --secret-key=s3synctestsecret
  admin user create --uid=other --display-name=other --access-key=s3syncother --secret-key=s3syncothersecret

  if [ -n "${RGW_OWNER_PID:-}" ]; then
    setsid bash -c 'while [ -d "/proc/$1" ]; do sleep 1; done; exec bash "$2" wipe' - "$RGW_OWNER_PID" "$0" \
      >/dev/null 2>&1 </dev/null &
    echo $! >"$dir/watch.pid"
  fi
}

wipe() {
  local watcher
  watcher=$(cat "$dir/watch.pid" 2>/dev/null || true)
  stop
  rm -rf "$dir"
  if [ -n "$watcher" ] && [ "$watcher" != $$ ] && tr '\0' ' ' 2>/dev/null <"/proc/$watcher/cmdline" | grep -qF -- "$0"; then
    kill "$watcher" 2>/dev/null || true
  fi
}

status() {
  local name up=0
  for name in "${daemons[@]}"; do
    if running "$name"; then echo "$name: process $(cat "$dir/$name.pid")"; else echo "$name: down"; up=1; fi
  done
  return $up
}

environment() {
  cat <<ENV
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=s3synctest
export AWS_SECRET_ACCESS_KEY=s3synctestsecret
export AWS_DEFAULT_REGION=us-east-1
export AWS_CA_BUNDLE=$dir/tls.pem
export RGW_TLS_URL=https://127.0.0.1:$tls_port
export RGW_OTHER_ACCESS_KEY_ID=s3syncother
export RGW_OTHER_SECRET_ACCESS_KEY=s3syncothersecret
ENV
}

case ${1:-} in
  install)
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${packages[@]}"
    ;;
  start | stop | wipe | status) "$1" ;;
  env) environment ;;
  *) echo "usage: rgw.sh install|start|stop|wipe|status|env" >&2; exit 2 ;;
esac
