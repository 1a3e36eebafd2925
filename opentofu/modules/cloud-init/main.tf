/**
 * # cloud-init
 *
 * What machines do at their first boot, for the modules `single-node` (K3s) and `kubeadm-cluster`: their `user_data`.
 * It makes nothing; it writes a text, and needs no provider.
 *
 * - **Steps.** Each is one script of `steps/`, and may be run again. They run one after another under the service
 *   `dogitops-boot`, which goes on after a reboot; a step that fails ends the boot. How far it is, which step failed
 *   and with what words, stands in `/var/lib/dogitops/status.json`, which dogitops reads over SSH.
 * - **Downloads** have a version and a sha256, and are tried again after 2, 4, 8… seconds.
 * - **The volume** of K3s is mounted by its name, and formatted only when it is blank.
 * - **The pods' network** of kubeadm is Calico, or the plain plugins with routes (see `network`).
 * - **A control plane keeps itself up**: it writes sealed snapshots of etcd into a bucket, and renews its certificates.
 * - **SSH** takes keys alone, root has no password, and security upgrades come by themselves. The metadata service,
 *   which tells this text to whoever asks, answers to root's processes alone, and to no pod.
 * - **No secret that lasts** is in the text. Tokens to join, a bucket's key and the datastore of a restore are handed
 *   over by SSH, into memory, when the boot asks for them. The host key of the first connection is replaced over that
 *   connection, before anything else is said.
 *
 * The text is a template: names such as `role` are filled in by the module that makes the machines. Downloads are for
 * amd64.
 *
 * Mark no input as `sensitive` that is no secret: OpenTofu 1.12.6 panics where *all* inputs of this module carry the
 * mark. `boot_host_key` is the only one that has it.
 */
locals {
  lib = "/usr/local/lib/dogitops"

  # What the modules fill in, as the shell reads it.
  facts = {
    k3s = {
      NAME         = "name"
      ROLE         = "role"
      K3S_VERSION  = "k3s_version"
      DATASTORE    = "datastore"
      VOLUME       = "volume"
      FIRST_SERVER = "first_server"
      RESTORE      = "restore"
    }
    kubeadm = {
      NAME               = "name"
      ROLE               = "role"
      NUMBER             = "number"
      KUBERNETES_VERSION = "kubernetes_version"
      ENDPOINT           = "endpoint"
    }
  }[var.design]

  released = var.design == "k3s" ? [for it in var.k3s[*] : {
    url     = coalesce(it.url, "https://github.com/k3s-io/k3s/releases/download/${replace(it.version, "+", "%2B")}/k3s")
    sha256  = it.sha256
    path    = "/usr/local/bin/k3s"
    options = ""
    }] : concat(
    [for name, sha256 in lookup(local.kubernetes, coalesce(var.kubernetes_version, "none"), {}) : {
      url     = "https://dl.k8s.io/release/v${var.kubernetes_version}/bin/linux/amd64/${name}"
      sha256  = sha256
      path    = "/usr/local/bin/${name}"
      options = ""
    }],
    local.beside,
  )
  manifests = concat([for name, it in local.networks : { url = it.url, sha256 = it.sha256 } if name == var.network], var.manifests)
  artifacts = concat(
    length(var.artifacts) > 0 ? var.artifacts : local.released,
    [for number, it in var.design == "kubeadm" ? local.manifests : [] : { url = it.url, sha256 = it.sha256, path = "/etc/dogitops/manifests/${format("%02d", number)}.yaml", options = "" }],
  )

  steps = merge([
    for folder in ["common", var.design] : {
      for file in fileset("${path.module}/steps/${folder}", "*.sh") : file => file("${path.module}/steps/${folder}/${file}")
    }
  ]...)

  # Where each file goes, its mode, and its text; dollar signs in it are the shell's, not a template's.
  plain = concat(
    [
      { path = "/etc/ssh/sshd_config.d/10-dogitops.conf", mode = "0644", text = file("${path.module}/files/sshd.conf") },
      { path = "/etc/apt/apt.conf.d/52dogitops-upgrades", mode = "0644", text = file("${path.module}/files/upgrades.conf") },
      { path = "/etc/dogitops/metadata.nft", mode = "0644", text = file("${path.module}/files/metadata.nft") },
      { path = "/etc/systemd/system/dogitops-metadata.service", mode = "0644", text = file("${path.module}/files/dogitops-metadata.service") },
      { path = "/etc/systemd/system/dogitops-boot.service", mode = "0644", text = file("${path.module}/files/dogitops-boot.service") },
      { path = "${local.lib}/lib.sh", mode = "0644", text = file("${path.module}/files/lib.sh") },
      { path = "${local.lib}/boot", mode = "0755", text = file("${path.module}/files/boot.sh") },
      {
        path = "/etc/dogitops/artifacts"
        mode = "0644"
        text = join("", [for it in local.artifacts : "${trimspace("${it.sha256} ${it.url} ${it.path} ${it.options}")}\n"])
      },
    ],
    {
      k3s = [
        { path = "/etc/dogitops/k3s-server.yaml", mode = "0644", text = file("${path.module}/files/k3s-server.yaml") },
        { path = "/etc/systemd/system/dogitops-k3s@.service", mode = "0644", text = file("${path.module}/files/dogitops-k3s@.service") },
      ]
      kubeadm = concat(
        [
          { path = "/etc/sysctl.d/90-dogitops.conf", mode = "0644", text = file("${path.module}/files/sysctl.conf") },
          { path = "/etc/containerd/config.toml", mode = "0644", text = file("${path.module}/files/containerd.toml") },
          { path = "/etc/systemd/system/containerd.service", mode = "0644", text = file("${path.module}/files/containerd.service") },
          { path = "/etc/systemd/system/kubelet.service", mode = "0644", text = file("${path.module}/files/kubelet.service") },
          { path = "/etc/kubernetes/dogitops-audit.yaml", mode = "0600", text = file("${path.module}/files/audit.yaml") },
          { path = "${local.lib}/kubeadm.sh", mode = "0644", text = file("${path.module}/files/kubeadm.sh") },
          { path = "${local.lib}/certificates", mode = "0755", text = file("${path.module}/files/certificates.sh") },
          { path = "${local.lib}/upgrade", mode = "0755", text = file("${path.module}/files/upgrade.sh") },
          {
            path = "/etc/systemd/system/dogitops-certificates.service"
            mode = "0644"
            text = templatefile("${path.module}/files/task.service.tftpl", { description = "new certificates for the control plane", program = "${local.lib}/certificates" })
          },
          {
            path = "/etc/systemd/system/dogitops-certificates.timer"
            mode = "0644"
            text = templatefile("${path.module}/files/task.timer.tftpl", { schedule = "daily", delay = "12h" })
          },
        ],
        var.network != "routes" ? [] : [
          { path = "${local.lib}/routes", mode = "0755", text = file("${path.module}/files/routes.sh") },
          { path = "/etc/systemd/system/dogitops-routes.service", mode = "0644", text = file("${path.module}/files/dogitops-routes.service") },
          { path = "/etc/dogitops/manifests/routes.yaml", mode = "0644", text = file("${path.module}/files/routes.yaml") },
        ],
        [for it in var.snapshots[*] : { path = "/etc/dogitops/snapshots.env", mode = "0644", text = "BUCKET_URL=\"${it.bucket_url}\"\nKEEP=${it.keep}\n" }],
        [for it in var.snapshots[*] : { path = "${local.lib}/bucket.sh", mode = "0644", text = file("${path.module}/files/bucket.sh") }],
        [for it in var.snapshots[*] : { path = "${local.lib}/etcd-restore", mode = "0755", text = file("${path.module}/files/etcd-restore.sh") }],
        [for it in var.snapshots[*] : { path = "${local.lib}/etcd-snapshot", mode = "0755", text = file("${path.module}/files/etcd-snapshot.sh") }],
        [for it in var.snapshots[*] : {
          path = "/etc/systemd/system/dogitops-etcd-snapshot.service"
          mode = "0644"
          text = templatefile("${path.module}/files/task.service.tftpl", { description = "a snapshot of etcd", program = "${local.lib}/etcd-snapshot" })
        }],
        [for it in var.snapshots[*] : {
          path = "/etc/systemd/system/dogitops-etcd-snapshot.timer"
          mode = "0644"
          text = templatefile("${path.module}/files/task.timer.tftpl", { schedule = it.schedule, delay = "10min" })
        }],
      )
    }[var.design],
    [for name, text in local.steps : { path = "${local.lib}/steps/${name}", mode = "0755", text = text }],
  )
  filled_in = concat(
    [{
      path = "/etc/dogitops/node.env"
      mode = "0644"
      text = join("", concat([for name, fact in local.facts : "${name}=\"$${${fact}}\"\n"], var.design == "kubeadm" ? ["NETWORK=\"${var.network}\"\n"] : []))
    }],
    var.design != "kubeadm" ? [] : [{
      path = "/etc/dogitops/kubeadm-cluster.yaml"
      mode = "0644"
      text = templatefile("${path.module}/files/kubeadm-cluster.yaml.tftpl", { oidc = var.oidc })
    }],
  )

  user_data = templatefile("${path.module}/user-data.yaml.tftpl", {
    boot_host_key = var.boot_host_key
    files = concat(
      local.filled_in,
      [for it in local.plain : merge(it, { text = replace(it.text, "/([$%])\\{/", "$1$1{") })],
    )
  })
}
