# shellcheck shell=sh
# What the boot, a restore and an upgrade of a kubeadm machine share. lib.sh is read before it.
# shellcheck disable=SC2034 # they are used by whoever reads this
KUBERNETES="${DOGITOPS_KUBERNETES:-/etc/kubernetes}"
ADMIN="$KUBERNETES/admin.conf"
DATA="${DOGITOPS_ETCD:-/var/lib/etcd}"
JOINED="$STATE/joined" # there once this machine is a node
METRICS="${DOGITOPS_METRICS:-/var/lib/node_exporter/textfile_collector}"
NAME="" ROLE="" NUMBER="" ENDPOINT="" KUBERNETES_VERSION="" NETWORK=""
# shellcheck source=/dev/null # the module that makes the machines fills it in
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

# The way to the API tells which of this machine's addresses is the private one.
ADDRESS="$(private_address "${ENDPOINT%:*}")"

# Which droplet this is: controllers of DigitalOcean know a node by it.
droplet() { in_a_container || curl -fsS --max-time 5 http://169.254.169.254/metadata/v1/id; }

registration() {
  id="$(retry 5 droplet)"
  cat <<YAML
nodeRegistration:
  name: $(hostname)
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs:
    - {name: node-ip, value: "$ADDRESS"}
YAML
  [ -z "$id" ] || printf '    - {name: provider-id, value: "digitalocean://%s"}\n' "$id"
}

# What kubeadm init reads.
init_configuration() {
  printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n'
  registration
  printf 'localAPIEndpoint: {advertiseAddress: "%s", bindPort: 6443}\n---\n' "$ADDRESS"
  cat /etc/dogitops/kubeadm-cluster.yaml # the kubelet's part comes last in it
  ! in_a_container || cat <<YAML
imageGCHighThresholdPercent: 100
evictionHard: {imagefs.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%"}
YAML
  printf -- '---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n'
  ! in_a_container || printf 'conntrack: {maxPerCore: 0}\n'
}

# There, the disk is that of the machine around it, and how many connections the kernel remembers is not ours to say:
# kube-proxy would end over it.
in_a_container() { systemd-detect-virt --quiet --container; }

# join_configuration TOKEN CA_HASH CERTIFICATE_KEY: what kubeadm join reads.
join_configuration() {
  printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n'
  registration
  printf 'discovery:\n  bootstrapToken:\n    apiServerEndpoint: "%s"\n    token: "%s"\n    caCertHashes: ["%s"]\n' \
    "$ENDPOINT" "$1" "$2"
  if [ "$ROLE" = control-plane ]; then
    printf 'controlPlane:\n  certificateKey: "%s"\n' "$3"
    printf '  localAPIEndpoint: {advertiseAddress: "%s", bindPort: 6443}\n' "$ADDRESS"
  fi
}

# Take what kubeadm made away from this machine, whatever state that is in. The datastore is put aside, not removed.
undo_node() {
  # A member of a cluster that is gone can't be taken out of it.
  rm -f "$JOINED"
  kubeadm reset --force --skip-phases=remove-etcd-member
  if [ -d "$DATA/member" ]; then
    aside="$DATA.before-$(date -u +%Y%m%dT%H%M%SZ)"
    mv "$DATA" "$aside"
    say "the datastore that was here is in $aside"
  fi
  rm -rf "$DATA"
}

# metric NAME HELP: write the number on stdin where node-exporter's textfile collector reads it.
metric() {
  mkdir -p "$METRICS"
  printf '# HELP %s %s\n# TYPE %s gauge\n%s %s\n' "$1" "$2" "$1" "$1" "$(cat)" | replace "$METRICS/$1.prom"
  chmod 0755 "$METRICS"
  chmod 0644 "$METRICS/$1.prom"
}

# running COMPONENT: print the running container of a static pod.
running() {
  for container in $(ctr -n k8s.io containers list -q "labels.\"io.kubernetes.container.name\"==\"$1\""); do
    if ctr -n k8s.io tasks list | grep -q "^$container .*RUNNING"; then printf '%s\n' "$container"; fi
  done
}

another_runs() { # COMPONENT OLD
  now_running="$(running "$1")"
  [ -n "$now_running" ] && [ "$now_running" != "$2" ]
}

# start_again COMPONENT ADDRESS: end a static pod's container, and wait until its successor is healthy there.
start_again() {
  old="$(running "$1")"
  if [ -n "$old" ]; then
    ctr -n k8s.io tasks kill --signal SIGTERM "$old"
    # Those that watch would keep an API server for a minute.
    eventually 15 another_runs "$1" "$old" || ctr -n k8s.io tasks kill --signal SIGKILL "$old" || true
    eventually 180 another_runs "$1" "$old" || die "the kubelet did not start $1 again"
  fi
  eventually 180 curl -fsSk --max-time 3 "$2" || die "$1 is not healthy after its start: nothing good at $2"
}

api_is_ready() { kubectl --kubeconfig "$ADMIN" get --raw /readyz; }
