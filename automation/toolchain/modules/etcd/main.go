// Command etcd is etcd's server: its own main package cannot be built from the module proxy's archive.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
