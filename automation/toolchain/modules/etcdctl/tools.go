//go:build tools

// Package tools names what is built from this module, so that 'go mod tidy' keeps every requirement it needs.
package tools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
)
