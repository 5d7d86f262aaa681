"""The resources of every Kubernetes, for names asked for before any cluster has answered."""

from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog

_VERBS = frozenset(("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))

# As `kubectl api-resources` of Kubernetes 1.37 has them: plural, kind, short names; * for cluster-scoped.
_TABLE = """
v1
    configmaps ConfigMap cm
    endpoints Endpoints ep
    events Event ev
    limitranges LimitRange limits
    namespaces *Namespace ns
    nodes *Node no
    persistentvolumeclaims PersistentVolumeClaim pvc
    persistentvolumes *PersistentVolume pv
    pods Pod po
    podtemplates PodTemplate
    replicationcontrollers ReplicationController rc
    resourcequotas ResourceQuota quota
    secrets Secret
    serviceaccounts ServiceAccount sa
    services Service svc
admissionregistration.k8s.io/v1
    mutatingadmissionpolicies *MutatingAdmissionPolicy
    mutatingadmissionpolicybindings *MutatingAdmissionPolicyBinding
    mutatingwebhookconfigurations *MutatingWebhookConfiguration
    validatingadmissionpolicies *ValidatingAdmissionPolicy
    validatingadmissionpolicybindings *ValidatingAdmissionPolicyBinding
    validatingwebhookconfigurations *ValidatingWebhookConfiguration
apiextensions.k8s.io/v1
    customresourcedefinitions *CustomResourceDefinition crd crds
apiregistration.k8s.io/v1
    apiservices *APIService
apps/v1
    controllerrevisions ControllerRevision
    daemonsets DaemonSet ds
    deployments Deployment deploy
    replicasets ReplicaSet rs
    statefulsets StatefulSet sts
autoscaling/v2
    horizontalpodautoscalers HorizontalPodAutoscaler hpa
batch/v1
    cronjobs CronJob cj
    jobs Job
certificates.k8s.io/v1
    certificatesigningrequests *CertificateSigningRequest csr
coordination.k8s.io/v1
    leases Lease
discovery.k8s.io/v1
    endpointslices EndpointSlice
events.k8s.io/v1
    events Event ev
flowcontrol.apiserver.k8s.io/v1
    flowschemas *FlowSchema
    prioritylevelconfigurations *PriorityLevelConfiguration
networking.k8s.io/v1
    ingressclasses *IngressClass
    ingresses Ingress ing
    ipaddresses *IPAddress ip
    networkpolicies NetworkPolicy netpol
    servicecidrs *ServiceCIDR
node.k8s.io/v1
    runtimeclasses *RuntimeClass
policy/v1
    poddisruptionbudgets PodDisruptionBudget pdb
rbac.authorization.k8s.io/v1
    clusterrolebindings *ClusterRoleBinding
    clusterroles *ClusterRole
    rolebindings RoleBinding
    roles Role
resource.k8s.io/v1
    deviceclasses *DeviceClass
    resourceclaims ResourceClaim
    resourceclaimtemplates ResourceClaimTemplate
    resourceslices *ResourceSlice
scheduling.k8s.io/v1
    priorityclasses *PriorityClass pc
storage.k8s.io/v1
    csidrivers *CSIDriver
    csinodes *CSINode
    csistoragecapacities CSIStorageCapacity
    storageclasses *StorageClass sc
    volumeattachments *VolumeAttachment
    volumeattributesclasses *VolumeAttributesClass vac
"""


def _resources(table: str) -> list[Resource]:
    resources: list[Resource] = []
    group = version = ""
    for line in table.split("\n"):
        words = line.split()
        if len(words) == 1:
            group, _, version = words[0].rpartition("/")
        elif words:
            plural, kind, *short = words
            name = kind.removeprefix("*")
            resources.append(
                Resource(
                    group=group,
                    version=version,
                    plural=plural,
                    singular=name.lower(),
                    kind=name,
                    namespaced=name == kind,
                    short_names=tuple(short),
                    verbs=_VERBS,
                )
            )
    return resources


WELL_KNOWN = Catalog(_resources(_TABLE))
