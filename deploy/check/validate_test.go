package check

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	autoscalingvalidation "k8s.io/kubernetes/pkg/apis/autoscaling/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// internal returns an object as the Kubernetes API sees it, with its defaults, or nil
// if it is of a custom type.
func internal(t *testing.T, object runtime.Object) runtime.Object {
	t.Helper()
	switch object.(type) {
	case *monitoringv1.ServiceMonitor, *monitoringv1.PodMonitor, *monitoringv1.PrometheusRule, *gatewayv1.HTTPRoute:
		return nil
	}
	object = object.DeepCopyObject()
	legacyscheme.Scheme.Default(object)
	converted, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := converted.(*core.Service); ok {
		if o.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal {
			o.Spec.HealthCheckNodePort = 30000 // the cluster assigns one
		}
		if o.Spec.ClusterIP == core.ClusterIPNone {
			o.Spec.ClusterIPs = []string{core.ClusterIPNone} // as the cluster sets it
		}
	}
	return converted
}

// validate validates an object as the Kubernetes API does when it is created.
func validate(t *testing.T, object runtime.Object) field.ErrorList {
	t.Helper()
	switch o := internal(t, object).(type) {
	case nil:
		return nil
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *core.Service:
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o)
	case *core.PersistentVolumeClaim:
		return corevalidation.ValidatePersistentVolumeClaim(o, corevalidation.ValidationOptionsForPersistentVolumeClaim(o, nil))
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	case *networking.Ingress:
		return networkingvalidation.ValidateIngressCreate(o)
	case *autoscaling.HorizontalPodAutoscaler:
		return autoscalingvalidation.ValidateHorizontalPodAutoscaler(o, autoscalingvalidation.HorizontalPodAutoscalerSpecValidationOptions{MinReplicasLowerBound: 1})
	}
	t.Errorf("cannot validate a %T", object)
	return nil
}

// validateUpdate validates an object as the Kubernetes API does when it replaces
// another one.
func validateUpdate(t *testing.T, updated, old runtime.Object) field.ErrorList {
	t.Helper()
	before := internal(t, old)
	switch o := internal(t, updated).(type) {
	case *apps.Deployment:
		b := before.(*apps.Deployment)
		o.ResourceVersion, b.ResourceVersion = "1", "1"
		return append(appsvalidation.ValidateDeploymentUpdate(o, b, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, &b.Spec.Template)),
			apivalidation.ValidateImmutableField(o.Spec.Selector, b.Spec.Selector, field.NewPath("spec", "selector"))...)
	case *apps.StatefulSet:
		b := before.(*apps.StatefulSet)
		o.ResourceVersion, b.ResourceVersion = "1", "1"
		return appsvalidation.ValidateStatefulSetUpdate(o, b, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, &b.Spec.Template))
	case *core.PersistentVolumeClaim:
		b := before.(*core.PersistentVolumeClaim)
		o.ResourceVersion, b.ResourceVersion = "1", "1"
		o.Status.Phase, b.Status.Phase = core.ClaimBound, core.ClaimBound
		return corevalidation.ValidatePersistentVolumeClaimUpdate(o, b, corevalidation.ValidationOptionsForPersistentVolumeClaim(o, b))
	case *core.Service:
		b := before.(*core.Service)
		o.ResourceVersion, b.ResourceVersion = "1", "1"
		return corevalidation.ValidateServiceUpdate(o, b)
	}
	return nil
}
