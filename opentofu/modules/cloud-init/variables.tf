variable "design" {
  description = "What the machines become: `k3s` (module `single-node`) or `kubeadm` (module `kubeadm-cluster`)."
  type        = string

  validation {
    condition     = contains(["k3s", "kubeadm"], var.design)
    error_message = "A design is \"k3s\" or \"kubeadm\"."
  }
}

variable "k3s" {
  description = "For `k3s`: the version, as K3s's releases are named, and the sha256 of its program `k3s`, which stands in `sha256sum-amd64.txt` of that release."
  type        = object({ version = string, sha256 = string })
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
    condition     = var.design != "k3s" || var.k3s != null || length(var.artifacts) > 0
    error_message = "Say which K3s: k3s = { version = \"v1.34.4+k3s1\", sha256 = \"...\" }."
  }
}

variable "kubernetes_version" {
  description = "For `kubeadm`: the version of Kubernetes with its patch, one whose checksums are in `releases.tf`."
  type        = string
  default     = null

  validation {
    condition     = var.design != "kubeadm" || length(var.artifacts) > 0 || contains(keys(local.kubernetes), coalesce(var.kubernetes_version, "none"))
    error_message = "The checksums of this version are not known here. Known are ${join(", ", keys(local.kubernetes))}: choose one of them, or write the checksums of another one into releases.tf."
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

variable "manifests" {
  description = "For `kubeadm`: manifests that the first control plane applies once the API is there, as the pods' network; each by its address and sha256."
  type        = list(object({ url = string, sha256 = string }))
  default     = []

  validation {
    condition     = alltrue([for it in var.manifests : can(regex("^https?://[^[:space:]]+$", it.url)) && can(regex("^[0-9a-f]{64}$", it.sha256))])
    error_message = "Each has an http(s) address, and a sha256 of 64 hexadecimal digits."
  }
}

variable "snapshots" {
  description = "For `kubeadm`: where snapshots of etcd are written: a bucket's address in path style (`https://fra1.digitaloceanspaces.com/BUCKET`), and when, as systemd writes times. The bucket's key is handed over after the boot, and never stands here."
  type        = object({ bucket_url = string, schedule = optional(string, "*-*-* 0/6:00:00") })
  default     = null

  validation {
    condition     = var.snapshots == null || can(regex("^https?://[^[:space:]/]+/[a-z0-9][-a-z0-9.]+$", var.snapshots.bucket_url))
    error_message = "A bucket's address is written in path style, such as \"https://fra1.digitaloceanspaces.com/dogitops-production-backups\"."
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
