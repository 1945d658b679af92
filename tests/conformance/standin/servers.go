package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const kubeletPort = 10250

// registerNode says where the API server finds the Pods' logs.
func registerNode(ctx context.Context, client *kubernetes.Clientset, address string) error {
	node, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: owner}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		node, err = client.CoreV1().Nodes().Get(ctx, owner, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = kubeletPort
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	_, err = client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func selfSigned(address string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: owner},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.ParseIP(address)}}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

// serveLogs is the kubelet's /containerLogs/NAMESPACE/POD/CONTAINER.
func serveLogs(address string, pods *pods) {
	mux := http.NewServeMux()
	mux.HandleFunc("/containerLogs/", func(w http.ResponseWriter, r *http.Request) {
		words := strings.Split(strings.TrimPrefix(r.URL.Path, "/containerLogs/"), "/")
		if len(words) != 3 || pods.get(words[0], words[1]) == nil {
			http.NotFound(w, r)
			return
		}
		var since time.Time
		if text := r.URL.Query().Get("sinceTime"); text != "" {
			parsed, err := time.Parse(time.RFC3339, text)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			since = parsed
		}
		pods.get(words[0], words[1]).since(since, w)
	})
	server := &http.Server{Addr: fmt.Sprintf("%s:%d", address, kubeletPort), Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{selfSigned(address)}, MinVersion: tls.VersionTLS12}}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// serveNames stands in for CoreDNS: it answers every question, with no such name.
func serveNames() {
	dns.HandleFunc(".", func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetRcode(question, dns.RcodeNameError)
		_ = w.WriteMsg(answer)
	})
	fmt.Println("serving names")
	go func() { log.Fatal((&dns.Server{Addr: ":53", Net: "tcp"}).ListenAndServe()) }()
	log.Fatal((&dns.Server{Addr: ":53", Net: "udp"}).ListenAndServe())
	os.Exit(1)
}
