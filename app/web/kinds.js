/** The columns of the kinds that Kubernetes itself defines, as kubectl has them. */

import { ago, humanDuration, moment } from "./ages.js";
import { age, column, count, since, wide } from "./column.js";
import { POD_FIELDS, podStatus } from "./podstatus.js";

/** @typedef {import("./column.js").Kind} Kind */
/** @typedef {import("./column.js").Tone} Tone */
/** @typedef {import("./column.js").Column} Column */

const NONE = "<none>";

/** @param {Record<string, string> | undefined} labels @returns {string} */
const labelsText = (labels) =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",") || NONE;

/** @param {any} selector @returns {string} */
function selectorText(selector) {
  const expressions = (selector?.matchExpressions ?? []).map((/** @type {any} */ { key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  });
  return [labelsText(selector?.matchLabels), ...expressions].filter((each) => each !== NONE).join(",") || NONE;
}

/** @param {number} ready @param {number} wanted @returns {Tone} */
const rollout = (ready, wanted) => (ready >= wanted ? "" : ready === 0 ? "bad" : "warn");

/** `2/3`, ordered by what is missing and then by size. @type {Partial<Column>} */
const FRACTION = {
  show: ([ready, wanted]) => `${ready}/${wanted}`,
  rank: ([ready, wanted]) => (wanted ? ready / wanted : 1) * 1e6 + wanted,
  tone: ([ready, wanted]) => rollout(ready, wanted),
  right: true,
};

const TEMPLATE = ["spec.template.spec.containers[*].name", "spec.template.spec.containers[*].image"];

/** @param {(object: any) => any} spec of pods @returns {Column[]} */
const containers = (spec) => [
  wide("Containers", (object) => (spec(object)?.containers ?? []).map((/** @type {any} */ each) => each.name).join(",")),
  wide("Images", (object) => (spec(object)?.containers ?? []).map((/** @type {any} */ each) => each.image).join(",")),
];
const ofTemplate = containers((object) => object.spec?.template?.spec);
const selector = wide("Selector", (object) => selectorText(object.spec?.selector));

const FINE = new Set(["Running", "Completed", "Succeeded"]);
const UNDERWAY = /^(Pending|ContainerCreating|PodInitializing|Terminating|SchedulingGated|NotReady|Init:\d+\/\d+)$/;

/** @param {string} status @returns {Tone} */
function podTone(status) {
  if (status === "Completed" || status === "Succeeded") return "dim";
  return FINE.has(status) ? "good" : UNDERWAY.test(status) ? "warn" : "bad";
}

/** @type {Kind} */
const pods = {
  fields: [...POD_FIELDS, "spec.nodeName", "status.podIP"],
  columns: [
    column("Ready", (pod) => {
      const { ready, containers: all, reason } = podStatus(pod);
      return [ready, all, podTone(reason)];
    }, { ...FRACTION, tone: ([ready, all, tone]) => (tone === "dim" ? "dim" : rollout(ready, all)) }),
    column("Status", (pod) => podStatus(pod).reason, { tone: podTone }),
    column("Restarts", (pod) => {
      const { restarts, restarted } = podStatus(pod);
      return [restarts, restarted];
    }, {
      show: ([restarts, at]) => (restarts && at ? `${restarts} (${ago(at)} ago)` : String(restarts)),
      rank: ([restarts]) => restarts,
      tone: ([restarts, at]) => (restarts && Date.now() - at < 600_000 ? "warn" : ""),
      live: true,
      right: true,
    }),
    age(),
    column("Node", (pod) => pod.spec?.nodeName || NONE),
    wide("IP", (pod) => pod.status?.podIP || NONE),
  ],
  tone: (pod) => {
    const { reason, ready, containers: all } = podStatus(pod);
    const tone = podTone(reason);
    return tone === "good" && ready < all ? "warn" : tone;
  },
};

/** @param {string} ready @param {(object: any) => number} wanted @returns {(object: any) => Tone} */
const byReady = (ready, wanted) => (object) => rollout(object.status?.[ready] ?? 0, wanted(object));

/** @param {any} object @returns {number} */
const replicas = (object) => object.spec?.replicas ?? 1;

/** @type {Kind} */
const deployments = {
  fields: ["spec.replicas", "spec.selector", ...TEMPLATE, "status.readyReplicas", "status.updatedReplicas", "status.availableReplicas"],
  columns: [
    column("Ready", (object) => [object.status?.readyReplicas ?? 0, replicas(object)], FRACTION),
    count("Up-to-date", (object) => object.status?.updatedReplicas),
    count("Available", (object) => object.status?.availableReplicas),
    age(),
    ...ofTemplate,
    selector,
  ],
  tone: byReady("readyReplicas", replicas),
};

/** @type {Kind} */
const replicaSets = {
  fields: ["spec.replicas", "spec.selector", ...TEMPLATE, "status.replicas", "status.readyReplicas"],
  columns: [
    count("Desired", replicas),
    count("Current", (object) => object.status?.replicas),
    count("Ready", (object) => object.status?.readyReplicas),
    age(),
    ...ofTemplate,
    selector,
  ],
  tone: byReady("readyReplicas", replicas),
};

/** @type {Kind} */
const statefulSets = {
  fields: ["spec.replicas", ...TEMPLATE, "status.readyReplicas"],
  columns: [
    column("Ready", (object) => [object.status?.readyReplicas ?? 0, replicas(object)], FRACTION),
    age(),
    ...ofTemplate,
  ],
  tone: byReady("readyReplicas", replicas),
};

/** @type {Kind} */
const daemonSets = {
  fields: ["spec.selector", "spec.template.spec.nodeSelector", ...TEMPLATE, "status"],
  columns: [
    count("Desired", (object) => object.status?.desiredNumberScheduled),
    count("Current", (object) => object.status?.currentNumberScheduled),
    count("Ready", (object) => object.status?.numberReady),
    count("Up-to-date", (object) => object.status?.updatedNumberScheduled),
    count("Available", (object) => object.status?.numberAvailable),
    column("Node Selector", (object) => labelsText(object.spec?.template?.spec?.nodeSelector)),
    age(),
    ...ofTemplate,
    selector,
  ],
  tone: byReady("numberReady", (object) => object.status?.desiredNumberScheduled ?? 0),
};

/** @param {any} job @returns {string} */
function jobStatus(job) {
  const types = (job.status?.conditions ?? []).filter((/** @type {any} */ each) => each.status === "True").map((/** @type {any} */ each) => each.type);
  const end = ["Complete", "Failed"].find((each) => types.includes(each));
  if (job.metadata.deletionTimestamp && !end) return "Terminating";
  return end ?? ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find((each) => types.includes(each)) ?? "Running";
}

/** @type {Record<string, Tone>} */
const JOB_TONES = { Complete: "dim", Failed: "bad", Running: "good" };

/** @type {Kind} */
const jobs = {
  fields: ["metadata.deletionTimestamp", "spec.completions", "spec.parallelism", "spec.selector", ...TEMPLATE, "status"],
  columns: [
    column("Status", jobStatus, { tone: (status) => JOB_TONES[status] ?? "warn" }),
    column("Completions", ({ spec = {}, status = {} }) => {
      const done = status.succeeded ?? 0;
      if (spec.completions !== undefined) return `${done}/${spec.completions}`;
      return spec.parallelism > 1 ? `${done}/1 of ${spec.parallelism}` : `${done}/1`;
    }, { right: true }),
    column("Duration", ({ status = {} }) => [moment(status.startTime), moment(status.completionTime)], {
      show: ([start, end]) => (start ? humanDuration(((end || Date.now()) - start) / 1000) : ""),
      rank: ([start, end]) => (start ? (end || Date.now()) - start : -1),
      live: true,
      right: true,
    }),
    age(),
    ...ofTemplate,
    selector,
  ],
  tone: (job) => (jobStatus(job) === "Failed" ? "bad" : ""),
};

/** @type {Kind} */
const cronJobs = {
  fields: ["spec.schedule", "spec.timeZone", "spec.suspend", "spec.jobTemplate.spec.template.spec.containers[*].name", "spec.jobTemplate.spec.template.spec.containers[*].image", "status.active[*].name", "status.lastScheduleTime"],
  columns: [
    column("Schedule", (object) => object.spec?.schedule),
    column("Timezone", (object) => object.spec?.timeZone ?? NONE),
    column("Suspend", (object) => (object.spec?.suspend ? "True" : "False")),
    count("Active", (object) => object.status?.active?.length),
    since("Last Schedule", (object) => object.status?.lastScheduleTime, { show: (at) => (at ? ago(at) : NONE) }),
    age(),
    ...containers((object) => object.spec?.jobTemplate?.spec?.template?.spec),
  ],
};

/** @param {any} node @returns {string} */
function nodeStatus(node) {
  const ready = (node.status?.conditions ?? []).filter((/** @type {any} */ each) => each.type === "Ready").at(-1);
  const status = !ready ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable ? `${status},SchedulingDisabled` : status;
}

/** @param {string} status @returns {Tone} */
const nodeTone = (status) => (status === "Ready" ? "good" : status.startsWith("Ready") ? "warn" : "bad");

/** @param {any} node @param {string} type @returns {string} */
const nodeAddress = (node, type) => (node.status?.addresses ?? []).find((/** @type {any} */ each) => each.type === type)?.address ?? NONE;

/** @type {Kind} */
const nodes = {
  fields: ["metadata.labels", "spec.unschedulable", "status.conditions[*].type", "status.conditions[*].status", "status.nodeInfo", "status.addresses"],
  columns: [
    column("Status", nodeStatus, { tone: nodeTone }),
    column("Roles", (node) => {
      const prefix = "node-role.kubernetes.io/";
      const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) =>
        key.startsWith(prefix) && key !== prefix ? [key.slice(prefix.length)] : key === "kubernetes.io/role" && value ? [value] : [],
      );
      return [...new Set(roles)].sort().join(",") || NONE;
    }),
    age(),
    column("Version", (node) => node.status?.nodeInfo?.kubeletVersion),
    column("Internal-IP", (node) => nodeAddress(node, "InternalIP")),
    wide("External-IP", (node) => nodeAddress(node, "ExternalIP")),
    wide("OS-Image", (node) => node.status?.nodeInfo?.osImage ?? "<unknown>"),
    wide("Kernel-Version", (node) => node.status?.nodeInfo?.kernelVersion ?? "<unknown>"),
    wide("Container-Runtime", (node) => node.status?.nodeInfo?.containerRuntimeVersion ?? "<unknown>"),
  ],
  tone: (node) => {
    const tone = nodeTone(nodeStatus(node));
    return tone === "good" ? "" : tone;
  },
};

/** @param {any} object @returns {string} */
const balancers = (object) =>
  [...new Set((object.status?.loadBalancer?.ingress ?? []).map((/** @type {any} */ each) => each.ip || each.hostname || ""))].filter(Boolean).sort().join(",");

/** @type {Kind} */
const services = {
  fields: ["spec", "status.loadBalancer"],
  columns: [
    column("Type", (object) => object.spec?.type),
    column("Cluster-IP", (object) => object.spec?.clusterIPs?.[0] ?? object.spec?.clusterIP ?? NONE),
    column("External-IP", (object) => {
      const external = object.spec?.externalIPs ?? [];
      if (object.spec?.type === "ExternalName") return object.spec.externalName;
      if (object.spec?.type !== "LoadBalancer") return external.join(",") || NONE;
      return [balancers(object), ...external].filter(Boolean).join(",") || "<pending>";
    }, { tone: (value) => (value === "<pending>" ? "warn" : "") }),
    column("Port(s)", (object) => (object.spec?.ports ?? []).map((/** @type {any} */ each) => `${each.port}${each.nodePort ? `:${each.nodePort}` : ""}/${each.protocol ?? "TCP"}`).join(",") || NONE),
    age(),
    wide("Selector", (object) => labelsText(object.spec?.selector)),
  ],
  tone: (object) => (object.spec?.type === "LoadBalancer" && !balancers(object) ? "warn" : ""),
};

/** @type {Kind} */
const ingresses = {
  fields: ["spec.ingressClassName", "spec.rules[*].host", "spec.tls[*].secretName", "status.loadBalancer"],
  columns: [
    column("Class", (object) => object.spec?.ingressClassName ?? NONE),
    column("Hosts", (object) => {
      const rules = object.spec?.rules ?? [];
      const hosts = rules.map((/** @type {any} */ each) => each.host).filter(Boolean);
      return hosts.length > 3 ? `${hosts.slice(0, 3).join(",")} + ${rules.length - 3} more...` : hosts.join(",") || "*";
    }),
    column("Address", balancers),
    column("Ports", (object) => (object.spec?.tls?.length ? "80, 443" : "80")),
    age(),
  ],
};

/** @param {string[]} texts @returns {string} */
const some = (texts) => (texts.length > 3 ? `${texts.slice(0, 3).join(",")} + ${texts.length - 3} more...` : texts.join(",") || NONE);

/** @param {any} object @returns {string} */
const phase = (object) => (object.metadata.deletionTimestamp ? "Terminating" : (object.status?.phase ?? ""));

/** @type {Record<string, Tone>} */
const PHASE_TONES = { Bound: "good", Available: "good", Active: "good", Lost: "bad", Failed: "bad" };

/** @param {string} value @returns {Tone} */
const phaseTone = (value) => PHASE_TONES[value] ?? "warn";

/** @param {any} object @returns {Tone} */
const byPhase = (object) => {
  const tone = phaseTone(phase(object));
  return tone === "good" ? "" : tone;
};

/** @type {Record<string, string>} */
const MODES = { ReadWriteOnce: "RWO", ReadOnlyMany: "ROX", ReadWriteMany: "RWX", ReadWriteOncePod: "RWOP" };
/** @param {string[]} [modes] @returns {string} */
const modesText = (modes = []) => Object.keys(MODES).filter((each) => modes.includes(each)).map((each) => MODES[each]).join(",");

/** @param {string} value quantity @returns {number} */
function quantity(value) {
  const [, digits = "0", unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(value) ?? [];
  const powers = ["", "k", "M", "G", "T", "P"];
  return Number(digits) * (unit.endsWith("i") ? 1024 ** "KMGTP".indexOf(unit[0] ?? "") * 1024 : 1000 ** Math.max(powers.indexOf(unit), 0));
}
/** @type {Partial<Column>} */
const QUANTITY = { rank: quantity, right: true };

/** @type {Kind} */
const claims = {
  fields: ["metadata.deletionTimestamp", "spec.volumeName", "spec.storageClassName", "spec.volumeMode", "status"],
  columns: [
    column("Status", phase, { tone: phaseTone }),
    column("Volume", (object) => object.spec?.volumeName),
    column("Capacity", (object) => (object.spec?.volumeName ? (object.status?.capacity?.storage ?? "0") : ""), QUANTITY),
    column("Access Modes", (object) => modesText(object.status?.accessModes)),
    column("StorageClass", (object) => object.spec?.storageClassName),
    age(),
    wide("VolumeMode", (object) => object.spec?.volumeMode ?? "<unset>"),
  ],
  tone: byPhase,
};

/** @type {Kind} */
const volumes = {
  fields: ["metadata.deletionTimestamp", "spec.capacity", "spec.accessModes", "spec.persistentVolumeReclaimPolicy", "spec.claimRef", "spec.storageClassName", "status"],
  columns: [
    column("Capacity", (object) => object.spec?.capacity?.storage ?? "0", QUANTITY),
    column("Access Modes", (object) => modesText(object.spec?.accessModes)),
    column("Reclaim Policy", (object) => object.spec?.persistentVolumeReclaimPolicy),
    column("Status", phase, { tone: phaseTone }),
    column("Claim", ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : "")),
    column("StorageClass", (object) => object.spec?.storageClassName),
    column("Reason", (object) => object.status?.reason),
    age(),
  ],
  tone: byPhase,
};

/** @param {any} event @returns {unknown} */
const lastSeen = (event) => event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
/** @type {Kind} */
const events = {
  fields: ["type", "reason", "message", "note", "count", "lastTimestamp", "firstTimestamp", "eventTime", "series", "involvedObject.kind", "involvedObject.name", "source.component"],
  columns: [
    since("Last Seen", lastSeen),
    column("Type", (event) => event.type, { tone: (type) => (type === "Warning" ? "warn" : "dim") }),
    column("Reason", (event) => event.reason),
    column("Object", ({ involvedObject: of = {} }) => `${(of.kind ?? "").toLowerCase()}/${of.name ?? ""}`),
    column("Message", (event) => (event.message ?? event.note ?? "").trim()),
    wide("Source", (event) => event.source?.component),
    count("Count", (event) => event.series?.count ?? event.count ?? 1),
  ],
  tone: (event) => (event.type === "Warning" ? "warn" : ""),
};

/** @param {any} hpa @returns {string} */
function targets(hpa) {
  const now = hpa.status?.currentMetrics ?? [];
  const all = (hpa.spec?.metrics ?? []).map((/** @type {any} */ metric, /** @type {number} */ at) => {
    const member = metric.type[0].toLowerCase() + metric.type.slice(1);
    const { target = {}, name } = metric[member] ?? {};
    const current = now[at]?.[member]?.current ?? {};
    const value = target.averageUtilization !== undefined
      ? `${current.averageUtilization ?? "<unknown>"}%/${target.averageUtilization}%`
      : `${current.averageValue ?? current.value ?? "<unknown>"}/${target.averageValue ?? target.value}`;
    return name ? `${name}: ${value}` : value;
  });
  return all.length > 2 ? `${all.slice(0, 2).join(", ")} + ${all.length - 2} more...` : all.join(", ") || NONE;
}

/** @type {Kind} */
const bindings = {
  fields: ["roleRef", "subjects"],
  columns: [
    column("Role", ({ roleRef = {} }) => `${roleRef.kind}/${roleRef.name}`),
    age(),
    ...["User", "Group", "ServiceAccount"].map((kind) =>
      wide(`${kind}s`, ({ subjects = [] }) =>
        subjects.filter((/** @type {any} */ each) => each.kind === kind).map((/** @type {any} */ each) => (kind === "ServiceAccount" ? `${each.namespace}/${each.name}` : each.name)).join(", "),
      ),
    ),
  ],
};

/** By the name of the resource. @type {Record<string, Kind>} */
export const KINDS = {
  pods,
  nodes,
  services,
  events,
  "events.events.k8s.io": { ...events, fields: events.fields.filter((each) => !/^(message|involved|source|count|last|first)/.test(each)).concat("regarding") },
  "deployments.apps": deployments,
  "replicasets.apps": replicaSets,
  replicationcontrollers: replicaSets,
  "statefulsets.apps": statefulSets,
  "daemonsets.apps": daemonSets,
  "jobs.batch": jobs,
  "cronjobs.batch": cronJobs,
  "ingresses.networking.k8s.io": ingresses,
  persistentvolumeclaims: claims,
  persistentvolumes: volumes,
  namespaces: { fields: ["metadata.deletionTimestamp", "status.phase"], columns: [column("Status", phase, { tone: phaseTone }), age()], tone: byPhase },
  configmaps: { fields: ["data", "binaryData"], columns: [count("Data", ({ data = {}, binaryData = {} }) => Object.keys({ ...data, ...binaryData }).length), age()] },
  secrets: { fields: ["type", "data"], columns: [column("Type", (object) => object.type), count("Data", ({ data = {} }) => Object.keys(data ?? {}).length), age()] },
  "horizontalpodautoscalers.autoscaling": {
    fields: ["spec.scaleTargetRef", "spec.minReplicas", "spec.maxReplicas", "spec.metrics", "status.currentMetrics", "status.currentReplicas"],
    columns: [
      column("Reference", ({ spec = {} }) => `${spec.scaleTargetRef?.kind}/${spec.scaleTargetRef?.name}`),
      column("Targets", targets),
      count("MinPods", (object) => object.spec?.minReplicas ?? 1),
      count("MaxPods", (object) => object.spec?.maxReplicas),
      count("Replicas", (object) => object.status?.currentReplicas),
      age(),
    ],
  },
  "poddisruptionbudgets.policy": {
    fields: ["spec.minAvailable", "spec.maxUnavailable", "status.disruptionsAllowed"],
    columns: [
      column("Min Available", (object) => object.spec?.minAvailable ?? "N/A"),
      column("Max Unavailable", (object) => object.spec?.maxUnavailable ?? "N/A"),
      count("Allowed Disruptions", (object) => object.status?.disruptionsAllowed),
      age(),
    ],
  },
  endpoints: {
    fields: ["subsets"],
    columns: [
      column("Endpoints", ({ subsets = [] }) => some(subsets.flatMap((/** @type {any} */ { addresses = [], ports = [] }) => (ports ?? []).flatMap((/** @type {any} */ { port }) => (addresses ?? []).map((/** @type {any} */ { ip }) => `${ip}:${port}`))))),
      age(),
    ],
  },
  "endpointslices.discovery.k8s.io": {
    fields: ["addressType", "ports", "endpoints[*].addresses"],
    columns: [
      column("AddressType", (object) => object.addressType),
      column("Ports", ({ ports }) => some((ports ?? []).map((/** @type {any} */ each) => String(each.port ?? "*")))),
      column("Endpoints", ({ endpoints }) => some((endpoints ?? []).flatMap((/** @type {any} */ each) => each.addresses ?? []))),
      age(),
    ],
  },
  "storageclasses.storage.k8s.io": {
    fields: ["provisioner", "reclaimPolicy", "volumeBindingMode", "allowVolumeExpansion"],
    columns: [
      column("Provisioner", (object) => object.provisioner),
      column("ReclaimPolicy", (object) => object.reclaimPolicy ?? "Delete"),
      column("VolumeBindingMode", (object) => object.volumeBindingMode ?? "Immediate"),
      column("AllowVolumeExpansion", (object) => String(!!object.allowVolumeExpansion)),
      age(),
    ],
  },
  "networkpolicies.networking.k8s.io": { fields: ["spec.podSelector"], columns: [column("Pod-Selector", (object) => selectorText(object.spec?.podSelector)), age()] },
  "ingressclasses.networking.k8s.io": { fields: ["spec.controller"], columns: [column("Controller", (object) => object.spec?.controller), age()] },
  "leases.coordination.k8s.io": { fields: ["spec.holderIdentity"], columns: [column("Holder", (object) => object.spec?.holderIdentity), age()] },
  "rolebindings.rbac.authorization.k8s.io": bindings,
  "clusterrolebindings.rbac.authorization.k8s.io": bindings,
  "priorityclasses.scheduling.k8s.io": {
    fields: ["value", "globalDefault", "preemptionPolicy"],
    columns: [
      count("Value", (object) => object.value),
      column("Global-Default", (object) => String(!!object.globalDefault)),
      age(),
      column("PreemptionPolicy", (object) => object.preemptionPolicy),
    ],
  },
  resourcequotas: {
    fields: ["status"],
    columns: [false, true].map((limits) =>
      column(limits ? "Limit" : "Request", ({ status = {} }) =>
        Object.entries(status.hard ?? {}).filter(([name]) => name.startsWith("limits.") === limits).sort().map(([name, hard]) => `${name}: ${status.used?.[name] ?? 0}/${hard}`).join(", "),
      ),
    ).concat(age()),
  },
  "customresourcedefinitions.apiextensions.k8s.io": {
    fields: ["spec.scope", "spec.group", "spec.names.kind", "spec.versions[*].name", "spec.versions[*].served"],
    columns: [
      column("Scope", (object) => object.spec?.scope),
      column("Versions", (object) => (object.spec?.versions ?? []).filter((/** @type {any} */ each) => each.served).map((/** @type {any} */ each) => each.name).sort().join(",")),
      column("Kind", (object) => object.spec?.names?.kind),
      age(),
    ],
  },
};
