variable "design" {
  description = "What the machines become: `k3s` (module `single-node`) or `kubeadm` (module `kubeadm-cluster`)."
  type        = string

  validation {
    condition     = contains(["k3s", "kubeadm"], var.design)
    error_message = "A design is \"k3s\" or \"kubeadm\"."
  }
}

variable "k3s" {
  description = "For `k3s`: the version, as K3s's releases are named, the sha256 of its program `k3s`, which stands in `sha256sum-amd64.txt` of that release, and where to download it from, where that is not the release itself."
  type        = object({ version = string, sha256 = string, url = optional(string) })
  default     = null

  validation {
    condition     = var.k3s == null || can(regex("^v1\\.[0-9]{2}\\.[0-9]+\\+k3s[0-9]+$", var.k3s.version))
    error_message = "A version of K3s is written as its releases are named, such as \"v1.34.4+k3s1\": Kubernetes's version alone names no release."
  }

  validation {
    condition     = var.k3s == null || can(regex("^[0-9a-f]{64}$", var.k3s.sha256))
    error_message = "A sha256 has 64 hexadecimal digits. That of K3s stands in sha256sum-amd64.txt of its release at github.com/k3s-io/k3s/releases, in the line of \"k3s\"."
  }

  validation {
    condition     = var.k3s == null || can(regex("^https?://[^[:space:]]+$", coalesce(var.k3s.url, "https://github.com")))
    error_message = "K3s is downloaded from an http(s) address without a space in it."
  }

  validation {
    condition     = var.k3s == null || length(distinct(split("", var.k3s.sha256))) > 4
    error_message = "This sha256 only holds a place. That of the release stands in its sha256sum-amd64.txt, and 'dogitops bootstrap' looks it up: for a version that does not exist there is none."
  }

  validation {
    condition     = var.design != "k3s" || var.k3s != null || length(var.artifacts) > 0
    error_message = "Say which K3s: k3s = { version = \"v1.34.4+k3s1\", sha256 = \"...\" }."
  }
}

variable "kubernetes_version" {
  description = "For `kubeadm`: the version of Kubernetes with its patch, one whose checksums are in `releases.yaml`."
  type        = string
  default     = null

  validation {
    condition     = var.design != "kubeadm" || length(var.artifacts) > 0 || contains(keys(local.kubernetes), coalesce(var.kubernetes_version, "none"))
    error_message = "The checksums of this version are not known here. Known are ${join(", ", keys(local.kubernetes))}: choose one of them, or write the checksums of another one into releases.yaml."
  }
}

variable "artifacts" {
  description = "What is downloaded instead of the releases that are known here, from a mirror, say: where from, its sha256, and where to (a path that ends in `/` is a folder that a .tar.gz is unpacked into, with `options` for tar). What comes into `/etc/dogitops/manifests` is applied to the new cluster: its network, say."
  type = list(object({
    url     = string
    sha256  = string
    path    = string
    options = optional(string, "")
  }))
  default = []

  validation {
    condition     = alltrue([for it in var.artifacts : can(regex("^https?://[^[:space:]]+$", it.url)) && can(regex("^[0-9a-f]{64}$", it.sha256)) && can(regex("^/[^[:space:]]+$", it.path))])
    error_message = "Each has an http(s) address, a sha256 of 64 hexadecimal digits, and an absolute path; none of them with a space."
  }
}

variable "network" {
  description = "For `kubeadm`: the pods' network. `calico` enforces NetworkPolicy; its manifest (VXLAN) is downloaded and applied by the first control plane. `routes` is the plain plugins with a route to each other machine, for machines in one network that lets pods' addresses pass, and enforces nothing. `none` leaves it to `manifests`, or to later."
  type        = string
  default     = "calico"

  validation {
    condition     = contains(["calico", "routes", "none"], var.network)
    error_message = "A network is \"calico\", \"routes\" or \"none\"; another one comes with network = \"none\" and its manifest in manifests."
  }

  validation {
    condition = (
      var.network != "calico" || var.design != "kubeadm" || var.kubernetes_version == null ||
      contains(local.networks.calico.kubernetes, regex("^[0-9]+\\.[0-9]+", coalesce(var.kubernetes_version, "0.0")))
    )
    error_message = "Calico ${local.networks.calico.version} is tested with Kubernetes ${join(", ", local.networks.calico.kubernetes)} by its makers, and not with ${coalesce(var.kubernetes_version, "none")}: write another version of Calico into releases.yaml first."
  }
}

variable "manifests" {
  description = "For `kubeadm`: further manifests that the first control plane applies once the API is there; each by its address and sha256."
  type        = list(object({ url = string, sha256 = string }))
  default     = []

  validation {
    condition     = alltrue([for it in var.manifests : can(regex("^https?://[^[:space:]]+$", it.url)) && can(regex("^[0-9a-f]{64}$", it.sha256))])
    error_message = "Each has an http(s) address, and a sha256 of 64 hexadecimal digits."
  }
}

variable "snapshots" {
  description = "For `kubeadm`: where snapshots of etcd are written: a bucket's address in path style (`https://fra1.digitaloceanspaces.com/BUCKET`), when, as systemd writes times, and how many of each control plane are kept. The bucket's key, and the password that seals them, are handed over at the boot, and never stand here."
  type        = object({ bucket_url = string, schedule = optional(string, "*-*-* 0/6:00:00"), keep = optional(number, 28) })
  default     = null

  validation {
    condition     = var.snapshots == null || can(regex("^https?://[^[:space:]/]+/[a-z0-9][-a-z0-9.]+$", var.snapshots.bucket_url))
    error_message = "A bucket's address is written in path style, such as \"https://fra1.digitaloceanspaces.com/dogitops-production-backups\"."
  }

  validation {
    condition     = var.snapshots == null || can(regex("^[-*0-9a-zA-Z.,:/~ ]+$", var.snapshots.schedule))
    error_message = "A schedule is written as systemd's OnCalendar, such as \"*-*-* 0/6:00:00\" for every six hours ('systemd-analyze calendar' explains one)."
  }

  validation {
    condition     = var.snapshots == null || try(var.snapshots.keep >= 2 && var.snapshots.keep <= 500 && floor(var.snapshots.keep) == var.snapshots.keep, false)
    error_message = "A whole number of snapshots is kept, from 2 to 500: with one alone, a bad one would be the only one."
  }
}

variable "oidc" {
  description = "For `kubeadm`: who tells the API who a user is: an OpenID Connect issuer, the client's id, and the claims with the name and the groups."
  type = object({
    issuer_url     = string
    client_id      = string
    username_claim = optional(string, "email")
    groups_claim   = optional(string, "groups")
  })
  default = null

  validation {
    condition     = var.oidc == null || can(regex("^https://[^[:space:]\"]+$", var.oidc.issuer_url))
    error_message = "The API server talks to an issuer by https only, such as \"https://accounts.example.com\"."
  }
}

variable "boot_host_key" {
  description = "The SSH host key of the very first connection, in OpenSSH's form. It can be read from inside of the machine for as long as that lives, so it is replaced over that connection, before anything secret is said; without one nobody can tell who answers."
  type        = object({ private = string, public = string })
  default     = null
  sensitive   = true

  validation {
    condition     = var.boot_host_key == null || can(regex("^-----BEGIN OPENSSH PRIVATE KEY-----\n", var.boot_host_key.private)) && can(regex("^ssh-ed25519 [A-Za-z0-9+/=]+", var.boot_host_key.public))
    error_message = "A boot key is a pair of ed25519 in OpenSSH's form: \"-----BEGIN OPENSSH PRIVATE KEY-----\" and \"ssh-ed25519 ...\"."
  }
}
