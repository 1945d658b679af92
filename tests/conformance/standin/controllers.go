package main

import (
	"context"
	"fmt"
	"reflect"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

const owner = "conformance-standin"

// The Envoys of Gateways are pods of another kind (tests/lib/envoy_pods.py).
const notOurs = "app.kubernetes.io/managed-by!=portolan"

// reconcile brings what there is in line with what is wanted, once.
func reconcile(ctx context.Context, client *kubernetes.Clientset, pods *pods) error {
	deployments, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: notOurs})
	if err != nil {
		return err
	}
	wanted := map[string]*appsv1.Deployment{}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		replicas := int32(1)
		if d.Spec.Replicas != nil {
			replicas = *d.Spec.Replicas
		}
		// Named as a ReplicaSet's: the suite takes two words away to find the Deployment.
		for n := int32(0); d.DeletionTimestamp == nil && n < replicas; n++ {
			wanted[fmt.Sprintf("%s/%s-standin-%d", d.Namespace, d.Name, n)] = d
		}
	}
	if err := pods.follow(ctx, wanted); err != nil {
		return err
	}
	if err := followServices(ctx, client, pods); err != nil {
		return err
	}
	return endNamespaces(ctx, client)
}

// followServices writes an EndpointSlice for every Service with a selector.
func followServices(ctx context.Context, client *kubernetes.Clientset, pods *pods) error {
	services, err := client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	listed, err := client.DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelManagedBy + "=" + owner})
	if err != nil {
		return err
	}
	have := map[string]*discoveryv1.EndpointSlice{}
	for i := range listed.Items {
		have[listed.Items[i].Namespace+"/"+listed.Items[i].Name] = &listed.Items[i]
	}
	for i := range services.Items {
		s := &services.Items[i]
		if len(s.Spec.Selector) == 0 || s.DeletionTimestamp != nil {
			continue
		}
		slice := sliceOf(s, pods)
		key := slice.Namespace + "/" + slice.Name
		is := have[key]
		delete(have, key)
		slices := client.DiscoveryV1().EndpointSlices(s.Namespace)
		if is == nil {
			_, err = slices.Create(ctx, slice, metav1.CreateOptions{})
		} else if !reflect.DeepEqual(is.Endpoints, slice.Endpoints) || !reflect.DeepEqual(is.Ports, slice.Ports) {
			is.Endpoints, is.Ports = slice.Endpoints, slice.Ports
			_, err = slices.Update(ctx, is, metav1.UpdateOptions{})
		}
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	for _, gone := range have {
		err := client.DiscoveryV1().EndpointSlices(gone.Namespace).Delete(ctx, gone.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func sliceOf(s *corev1.Service, pods *pods) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name + "-standin", Namespace: s.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: s.Name, discoveryv1.LabelManagedBy: owner},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	found := pods.matching(s.Namespace, labels.SelectorFromSet(s.Spec.Selector))
	for _, p := range found {
		yes, no, node := true, false, owner
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{p.address},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
			NodeName:   &node,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.namespace, Name: p.name, UID: p.uid},
		})
	}
	for i := range s.Spec.Ports {
		port := s.Spec.Ports[i]
		number := port.TargetPort.IntVal
		if number == 0 && len(found) > 0 {
			number = found[0].port(port.TargetPort.StrVal)
		}
		if number == 0 {
			number = port.Port
		}
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{
			Name: &port.Name, Protocol: &port.Protocol, Port: &number, AppProtocol: port.AppProtocol})
	}
	sort.Slice(slice.Endpoints, func(i, j int) bool { return slice.Endpoints[i].Addresses[0] < slice.Endpoints[j].Addresses[0] })
	return slice
}

// endNamespaces lets deleted namespaces go: what the suite puts into them is deleted, then their finalizer.
func endNamespaces(ctx context.Context, client *kubernetes.Clientset) error {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		n := &list.Items[i]
		if n.DeletionTimestamp == nil {
			continue
		}
		for _, path := range []string{
			"/apis/apps/v1/namespaces/%s/deployments", "/api/v1/namespaces/%s/configmaps", "/api/v1/namespaces/%s/secrets",
			"/apis/gateway.networking.k8s.io/v1/namespaces/%s/httproutes", "/apis/gateway.networking.k8s.io/v1/namespaces/%s/grpcroutes",
			"/apis/gateway.networking.k8s.io/v1/namespaces/%s/tlsroutes", "/apis/gateway.networking.k8s.io/v1/namespaces/%s/tcproutes",
			"/apis/gateway.networking.k8s.io/v1/namespaces/%s/udproutes", "/apis/gateway.networking.k8s.io/v1/namespaces/%s/listenersets",
			"/apis/gateway.networking.k8s.io/v1/namespaces/%s/gateways", "/apis/gateway.networking.k8s.io/v1/namespaces/%s/referencegrants",
			"/apis/gateway.networking.k8s.io/v1/namespaces/%s/backendtlspolicies",
		} {
			_ = client.RESTClient().Delete().AbsPath(fmt.Sprintf(path, n.Name)).Do(ctx).Error()
		}
		services, err := client.CoreV1().Services(n.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, s := range services.Items {
			_ = client.CoreV1().Services(n.Name).Delete(ctx, s.Name, metav1.DeleteOptions{})
		}
		n.Spec.Finalizers = nil
		if _, err := client.CoreV1().Namespaces().Finalize(ctx, n, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}
