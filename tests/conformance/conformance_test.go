// Gateway API's conformance suite, as released, against the cluster that $KUBECONFIG names, with every feature that is
// not of a mesh. Flags and the file of --conformance-options-file are the suite's own.
package conformance

import (
	"strings"
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/pkg/features"
)

func TestConformance(t *testing.T) {
	opts := conformance.DefaultOptions(t)
	opts.SupportedFeatures = nil
	for feature := range features.AllFeatures {
		if !strings.HasPrefix(string(feature.Name), "Mesh") {
			opts.SupportedFeatures = append(opts.SupportedFeatures, feature.Name)
		}
	}
	conformance.RunConformanceWithOptions(t, opts)
}
