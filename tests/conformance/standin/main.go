// What the conformance suite's backends need of a cluster, where there is only an API server: it stands in for the
// controller manager (Deployments become Pods, Services' EndpointSlices follow them, deleted namespaces end) and for a
// kubelet (a Pod is the suite's own echo-basic, in a network namespace with an address of its own; its log is served).
//
//	standin --echo FILE --node ADDRESS --folder DIR     with $KUBECONFIG; runs until its end
//
// It needs CAP_NET_ADMIN in its network namespace, where Pods are reached at 172.20.0.0/16.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const poll = 300 * time.Millisecond

func main() {
	if len(os.Args) > 1 && os.Args[1] == "in-pod" {
		inPod(os.Args[2:])
	}
	echo := flag.String("echo", "", "the program that is run for a Pod")
	node := flag.String("node", "", "our address, where the API server fetches logs")
	folder := flag.String("folder", "", "for volumes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	pods := newPods(client, *echo, *folder)
	defer pods.stop()
	if err := registerNode(ctx, client, *node); err != nil {
		log.Fatal(err)
	}
	go serveLogs(*node, pods)
	for ctx.Err() == nil {
		if err := reconcile(ctx, client, pods); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(poll):
		}
	}
}
