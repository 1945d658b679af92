package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// The router's end of every Pod's cable.
const router = "172.20.0.1"

type line struct {
	at   time.Time
	text string
}

// pod is one that runs.
type pod struct {
	namespace, name, address string
	uid                      types.UID
	labels                   labels.Set
	spec                     corev1.PodSpec
	command                  *exec.Cmd

	mutex sync.Mutex
	log   []line
}

type pods struct {
	client *kubernetes.Clientset
	echo   string
	folder string
	mutex  sync.Mutex
	all    map[string]*pod // by "namespace/name"
	last   int             // the last address that was given
}

func newPods(client *kubernetes.Clientset, echo, folder string) *pods {
	return &pods{client: client, echo: echo, folder: folder, all: map[string]*pod{}, last: 1}
}

func (p *pods) matching(namespace string, selector labels.Selector) []*pod {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var found []*pod
	for _, one := range p.all {
		if one.namespace == namespace && selector.Matches(one.labels) {
			found = append(found, one)
		}
	}
	return found
}

func (p *pods) get(namespace, name string) *pod {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.all[namespace+"/"+name]
}

// follow starts Pods that are missing and ends those that nobody wants.
func (p *pods) follow(ctx context.Context, wanted map[string]*appsv1.Deployment) error {
	for key, one := range p.all {
		if wanted[key] == nil {
			p.end(ctx, one)
		}
	}
	for key, deployment := range wanted {
		if p.all[key] != nil {
			continue
		}
		if err := p.start(ctx, deployment, strings.SplitN(key, "/", 2)[1]); err != nil {
			log.Printf("pod %s: %v", key, err)
		}
	}
	return nil
}

func (p *pods) end(ctx context.Context, one *pod) {
	p.mutex.Lock()
	delete(p.all, one.namespace+"/"+one.name)
	p.mutex.Unlock()
	_ = one.command.Process.Kill()
	_ = one.command.Wait()
	zero := int64(0)
	_ = p.client.CoreV1().Pods(one.namespace).Delete(ctx, one.name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
}

func (p *pods) stop() {
	for _, one := range p.all {
		_ = one.command.Process.Kill()
	}
}

func (p *pods) start(ctx context.Context, deployment *appsv1.Deployment, name string) error {
	template := deployment.Spec.Template
	one := &pod{namespace: deployment.Namespace, name: name, labels: template.Labels, spec: template.Spec}
	volumes, err := p.volumes(ctx, one)
	if err != nil {
		return err
	}
	p.last++
	one.address = fmt.Sprintf("172.20.%d.%d", p.last/250, p.last%250+2)
	object, err := p.create(ctx, one, template)
	if err != nil {
		return err
	}
	one.uid = object.UID
	if err := p.run(one, volumes); err != nil {
		return err
	}
	p.mutex.Lock()
	p.all[one.namespace+"/"+one.name] = one
	p.mutex.Unlock()
	now := metav1.Now()
	object.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: one.address, HostIP: router, StartTime: &now,
		PodIPs: []corev1.PodIP{{IP: one.address}}}
	for _, condition := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		object.Status.Conditions = append(object.Status.Conditions,
			corev1.PodCondition{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, c := range one.spec.Containers {
		yes := true
		object.Status.ContainerStatuses = append(object.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, Started: &yes,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}})
	}
	_, err = p.client.CoreV1().Pods(one.namespace).UpdateStatus(ctx, object, metav1.UpdateOptions{})
	return err
}

func (p *pods) create(ctx context.Context, one *pod, template corev1.PodTemplateSpec) (*corev1.Pod, error) {
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: one.namespace, Name: one.name, Labels: template.Labels,
		Annotations: template.Annotations}, Spec: template.Spec}
	object.Spec.NodeName = owner
	made, err := p.client.CoreV1().Pods(one.namespace).Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return p.client.CoreV1().Pods(one.namespace).Get(ctx, one.name, metav1.GetOptions{})
	}
	return made, err
}

// volumes writes the Pod's volumes and returns where each is, by where it is mounted.
func (p *pods) volumes(ctx context.Context, one *pod) (map[string]string, error) {
	where := map[string]string{}
	for _, volume := range one.spec.Volumes {
		folder := filepath.Join(p.folder, one.namespace, one.name, volume.Name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
		content := map[string][]byte{}
		var items []corev1.KeyToPath
		if s := volume.Secret; s != nil {
			secret, err := p.client.CoreV1().Secrets(one.namespace).Get(ctx, s.SecretName, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			content, items = secret.Data, s.Items
		} else if c := volume.ConfigMap; c != nil {
			config, err := p.client.CoreV1().ConfigMaps(one.namespace).Get(ctx, c.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			for key, text := range config.Data {
				content[key] = []byte(text)
			}
			items = c.Items
		}
		if items == nil {
			for key := range content {
				items = append(items, corev1.KeyToPath{Key: key, Path: key})
			}
		}
		for _, item := range items {
			if err := os.WriteFile(filepath.Join(folder, item.Path), content[item.Key], 0o600); err != nil {
				return nil, err
			}
		}
		for _, mount := range one.spec.Containers[0].VolumeMounts {
			if mount.Name == volume.Name {
				where[mount.MountPath] = folder
			}
		}
	}
	return where, nil
}

func (p *pods) environment(one *pod, volumes map[string]string) []string {
	env := []string{"PATH=" + os.Getenv("PATH")}
	for _, e := range one.spec.Containers[0].Env {
		value := e.Value
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			value = map[string]string{"metadata.name": one.name, "metadata.namespace": one.namespace,
				"status.podIP": one.address}[e.ValueFrom.FieldRef.FieldPath]
		}
		for mounted, folder := range volumes {
			if strings.HasPrefix(value, mounted+"/") {
				value = folder + strings.TrimPrefix(value, mounted)
			}
		}
		env = append(env, e.Name+"="+value)
	}
	return env
}

// run starts the Pod's program in a network namespace of its own, with a cable to ours.
func (p *pods) run(one *pod, volumes map[string]string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program := p.echo
	if strings.Contains(one.spec.Containers[0].Image, "coredns") {
		program = "dns"
	}
	ready, release, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	defer release.Close()
	command := exec.Command(self, "in-pod", one.address, program)
	command.Env = p.environment(one, volumes)
	command.ExtraFiles = []*os.File{ready}
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	output, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer write.Close()
	command.Stdout, command.Stderr = write, write
	if err := command.Start(); err != nil {
		return err
	}
	one.command = command
	cable := fmt.Sprintf("pod%d", p.last)
	for _, words := range []string{
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", cable, command.Process.Pid),
		fmt.Sprintf("address add %s/32 dev %s", router, cable),
		fmt.Sprintf("link set %s up", cable),
		fmt.Sprintf("route add %s/32 dev %s", one.address, cable),
	} {
		if err := ip(words); err != nil {
			_ = command.Process.Kill()
			return err
		}
	}
	if _, err := release.Write([]byte("+")); err != nil {
		return err
	}
	begun := make(chan bool, 1)
	go one.read(output, begun)
	select {
	case <-begun:
	case <-time.After(5 * time.Second):
		return fmt.Errorf("said nothing")
	}
	return nil
}

// read keeps the log. A Pod has begun when it says where it listens.
func (one *pod) read(output io.ReadCloser, begun chan<- bool) {
	defer output.Close()
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		one.mutex.Lock()
		one.log = append(one.log, line{time.Now(), scanner.Text()})
		one.mutex.Unlock()
		select {
		case begun <- true:
		default:
		}
	}
}

func (one *pod) since(t time.Time, w io.Writer) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	for _, l := range one.log {
		if !l.at.Before(t) {
			fmt.Fprintln(w, l.text)
		}
	}
}

func (one *pod) port(name string) int32 {
	for _, c := range one.spec.Containers {
		for _, port := range c.Ports {
			if port.Name == name {
				return port.ContainerPort
			}
		}
	}
	return 0
}

func ip(words string) error {
	if said, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %v: %s", words, err, said)
	}
	return nil
}

// inPod is what the Pod's process does first: it waits for its cable, then becomes the program.
func inPod(args []string) {
	address, program := args[0], args[1]
	if _, err := os.NewFile(3, "ready").Read(make([]byte, 1)); err != nil {
		log.Fatal(err)
	}
	for _, words := range []string{
		"link set lo up", fmt.Sprintf("address add %s/32 dev eth0", address), "link set eth0 up",
		fmt.Sprintf("route add %s/32 dev eth0", router), fmt.Sprintf("route add default via %s dev eth0", router),
	} {
		if err := ip(words); err != nil {
			log.Fatal(err)
		}
	}
	if program == "dns" {
		serveNames()
	}
	log.Fatal(syscall.Exec(program, []string{program}, os.Environ()))
}
