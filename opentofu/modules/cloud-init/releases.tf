# Releases that are known here, with the sha256 of each file for linux/amd64. They are those that the Kubernetes project
# kubespray keeps (roles/kubespray_defaults/vars/main/checksums.yml), read in August 2026, and stand as well beside each
# release. A new version is a new line, never a changed one.
locals {
  kubernetes = {
    "1.34.4" = {
      kubeadm = "b967f1fa0e36621c402d38bb560eb4a943954d5cf5a00e5150842f6f5da73455"
      kubelet = "03b8fea715a7ef82eeaf518dee34c72670c57cc7bc40dc1320c04fbf4f15172f"
      kubectl = "d50c359d95e0841eaad08ddc27c7be37cba8fdccfba5c8e2ded65e121ff112db"
    }
    "1.34.11" = {
      kubeadm = "bd3cbe40aff6c7b3b939243ebd80dbd7da207c0e594cfdd434295bf553ea7351"
      kubelet = "4777a226b2ba3c1d656254bcf3f7ad471bf210042f361094216e51ab4fa9b4b6"
      kubectl = "8efbb9435132a190920eb65a47a8c1ecf755ad85ab57a600c9bedbab460bb7a8"
    }
  }

  # Beside every version of Kubernetes above.
  beside = [
    {
      url     = "https://github.com/containerd/containerd/releases/download/v2.2.7/containerd-static-2.2.7-linux-amd64.tar.gz"
      sha256  = "a1df5b5398fe9002c0217de7959bb5642e8deb5be965dcfef4c012ee90c09561"
      path    = "/usr/local/"
      options = ""
    },
    {
      url     = "https://github.com/opencontainers/runc/releases/download/v1.4.3/runc.amd64"
      sha256  = "f6ae8efc0fa40079e1475e97cbe9d1bd3f106a28d6af78a11d9f1bd565515e60"
      path    = "/usr/local/sbin/runc"
      options = ""
    },
    {
      url     = "https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz"
      sha256  = "b98f74a0f8522f0a83867178729c1aa70f2158f90c45a2ca8fa791db1c76b303"
      path    = "/opt/cni/bin/"
      options = ""
    },
    {
      url     = "https://github.com/kubernetes-sigs/cri-tools/releases/download/v1.34.0/crictl-v1.34.0-linux-amd64.tar.gz"
      sha256  = "a8ff2a3edb37a98daf3aba7c3b284fe0aa5bff24166d896ab9ef64c8913c9f51"
      path    = "/usr/local/bin/"
      options = ""
    },
    {
      url     = "https://github.com/etcd-io/etcd/releases/download/v3.6.5/etcd-v3.6.5-linux-amd64.tar.gz"
      sha256  = "66bad39ed920f6fc15fd74adcb8bfd38ba9a6412f8c7852d09eb11670e88cac3"
      path    = "/usr/local/bin/"
      options = "--strip-components=1 --wildcards */etcdctl */etcdutl"
    },
  ]
}
