import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { SERVICE_NAMES, VARIABLES, loadConfig, type ServiceName } from "../../config";

/*
 * No engine runs these files here, so what they say about the program is held against the program itself.
 */

const ROOT = join(__dirname, "../..");
const KUSTOMIZE = "deploy/kubernetes";
const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const PROBES = ["/health/live", "/health/ready"];

interface ComposeService {
  build?: string;
  image?: string;
  environment?: Record<string, string>;
  networks?: string[];
  volumes?: string[];
  healthcheck?: { test: string[] };
  restart?: string;
  read_only?: boolean;
  tmpfs?: string[];
  stop_grace_period?: string;
  deploy?: { resources: { limits: { cpus: string; memory: string } } };
  depends_on?: Record<string, { condition: string }>;
}

interface Compose {
  services: Record<string, ComposeService>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
}

interface Probe {
  httpGet: { path: string; port: string | number };
}
interface Container {
  name: string;
  ports?: { name: string; containerPort: number }[];
  env?: { name: string; value?: string }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  securityContext?: Record<string, unknown>;
  lifecycle?: { preStop: { exec: { command: string[] } } };
}
interface Resource {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec: {
    selector?: Record<string, unknown>;
    ports?: { port: number; targetPort: string }[];
    scaleTargetRef?: { name: string };
    template: {
      metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: {
        containers: [Container];
        securityContext?: Record<string, unknown>;
        terminationGracePeriodSeconds?: number;
      };
    };
  };
}

const compose = parse(text("docker-compose.yml"), { merge: true }) as Compose;
const nodes = Object.entries(compose.services).filter(([, service]) => service.build === ".");
const gateways = nodes.filter(([, node]) => node.environment?.SERVICES === "api");
const backing = Object.entries(compose.services).filter(([, service]) => service.build !== ".");

const resources = (file: string): Resource[] =>
  parseAllDocuments(text(join(KUSTOMIZE, file))).map((document) => document.toJS() as Resource);
const kustomization = parse(text(`${KUSTOMIZE}/kustomization.yaml`)) as {
  resources: string[];
  patches: { path: string; target: { kind: string } }[];
};
const manifests = kustomization.resources.flatMap(resources);
const deployments = manifests.filter(({ kind }) => kind === "Deployment");
const named = (kind: string): string[] =>
  manifests.filter((manifest) => manifest.kind === kind).map(({ metadata }) => metadata.name);
const pod = resources("node.patch.yaml")[0]!.spec.template;
const container = pod.spec.containers[0];
const settings = resources("config.yaml")[0]!.data!;
const secrets = resources("secret.example.yaml")[0]!.stringData!;

const servicesOf = (list?: string): string[] => list?.split(",") ?? [];
const known = Object.keys(VARIABLES);
const unknownNames = (names: string[]): string[] => names.filter((name) => !known.includes(name));

/** `${NAME}`, `${NAME:-default}` and `${NAME:?complaint}` as compose replaces them, with one value for all. */
const interpolate = (value: string, filling: string): string =>
  value.replace(/\$\{\w+(?::([-?])([^}]*))?\}/g, (_match, mark?: string, rest?: string) =>
    mark === "-" ? (rest ?? "") : filling,
  );
const filledIn = (environment: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, interpolate(value, "8-or-more")]),
  );

/** The services that read a variable; every node reads those that are not here. */
const READ_BY: Record<string, ServiceName[]> = {
  PORT: ["api"],
  RATE_LIMIT: ["api"],
  TRUST_PROXY: ["api"],
  CORS_ORIGIN: ["api"],
  LOGIN_RATE_LIMIT: ["auth"],
  ADMIN_EMAIL: ["auth"],
  ADMIN_PASSWORD: ["auth"],
  JWT_ACCESS_TTL: ["auth"],
  JWT_REFRESH_TTL: ["auth"],
  JWT_PRIVATE_KEY: ["auth"],
  PAYMENT_PROVIDER: ["orders", "payments"],
  STRIPE_SECRET_KEY: ["payments"],
  STRIPE_URL: ["payments"],
  FRAUD_URL: ["orders"],
  FRAUD_LIMIT: ["orders"],
  SMTP_URL: ["notifications"],
  WEBHOOK_ALLOW_PRIVATE: ["notifications"],
};

/** What a service is made of: its own file and folder, and of mixins and providers what it imports by name. */
function sourceOf(service: ServiceName): string {
  const folder = join(ROOT, "services", service);
  const parts = existsSync(folder) ? readdirSync(folder).map((file) => `services/${service}/${file}`) : [];
  const own = [`services/${service}.service.ts`, ...parts].map(text).join("\n");
  const imported = [...own.matchAll(/^import \{([^}]*)\} from "(?:\.\.\/)+((?:mixins|providers)[^"]*)";/gm)];
  return imported.reduce((all, [, names = "", path = ""]) => {
    const file = [`${path}.ts`, `${path}/index.ts`].find((name) => existsSync(join(ROOT, name)))!;
    const parts = text(file).split(/^(?=export )/m);
    const used = names.split(",").map((name) => name.trim());
    return all + parts.filter((part) => used.includes(/^export \w+ (\w+)/.exec(part)?.[1] ?? "")).join("");
  }, own);
}

describe("the variables of each service", () => {
  it.each(SERVICE_NAMES)("are those that %s reads", (service) => {
    const source = sourceOf(service).replace(/\/\*[^]*?\*\/|^\s*\/\/.*/gm, "");
    const reads = Object.keys(READ_BY).filter((name) => new RegExp(`\\b${name}\\b`).test(source));
    const listed = Object.keys(READ_BY).filter((name) => READ_BY[name]?.includes(service));
    expect(reads).toEqual(listed);
  });
});

describe("docker-compose.yml", () => {
  it.each(nodes)("gives %s an environment that the program accepts", (_name, node) => {
    const environment = node.environment ?? {};
    expect(unknownNames(Object.keys(environment))).toEqual([]);
    expect(() => loadConfig(filledIn(environment))).not.toThrow();
  });

  it.each(nodes)("gives %s every variable that its services read, and no other", (_name, { environment }) => {
    const set = new Set(nodes.flatMap(([, node]) => Object.keys(node.environment ?? {})));
    const services = servicesOf(environment?.SERVICES);
    const read = [...set].filter((name) => (READ_BY[name] ?? services).some((by) => services.includes(by)));
    // Wherever the provider is Stripe the config asks for its key.
    if (read.includes("PAYMENT_PROVIDER")) read.push("STRIPE_SECRET_KEY");
    expect(Object.keys(environment ?? {}).sort()).toEqual([...new Set(read)].sort());
  });

  it("runs every service, and each on one kind of node", () => {
    const kinds = new Set(nodes.map(([, node]) => node.environment?.SERVICES));
    const run = [...kinds].flatMap(servicesOf);
    expect(run.sort()).toEqual([...SERVICE_NAMES].sort());
    for (const name of run) expect(existsSync(join(ROOT, `services/${name}.service.ts`))).toBe(true);
  });

  it("runs two gateways that listen where nginx looks for them", () => {
    const upstreams = [...text("deploy/nginx/nginx.conf").matchAll(/^\s*server ([\w-]+):(\d+)/gm)];
    const listening = gateways.map(([name, node]) => `${name}:${node.environment?.PORT}`);
    expect(listening).toHaveLength(2);
    expect(new Set(upstreams.map(([, host, port]) => `${host}:${port}`))).toEqual(new Set(listening));
    for (const [, gateway] of gateways) expect(filledIn(gateway.environment!).TRUST_PROXY).toBe("on");
  });

  it("publishes the port that nginx listens on, and probes one that answers", () => {
    const nginx = text("deploy/nginx/nginx.conf");
    const { ports, healthcheck } = compose.services.nginx as ComposeService & { ports: string[] };
    expect(ports).toEqual([expect.stringMatching(/:8080$/)]);
    expect(nginx).toMatch(/listen 8080;/);
    const probe = new URL(healthcheck!.test.at(-1)!);
    expect(nginx).toContain(`listen ${probe.host};`);
    expect(nginx).toContain(`location = ${probe.pathname} {`);
  });

  it("points every URL at a service of its own, on the port that this service has", () => {
    const ports: Record<string, string> = { mongo: "27017", rabbitmq: "5672", kafka: "9092", nats: "4222" };
    for (const [, node] of nodes) {
      const { MONGO_URL, COMMANDS_URL, EVENTS_URL, TRANSPORTER } = filledIn(node.environment!);
      const hosts = [MONGO_URL, COMMANDS_URL, EVENTS_URL, TRANSPORTER].map((url) => new URL(url!).host);
      expect(hosts).toEqual(Object.entries(ports).map(([host, port]) => `${host}:${port}`));
    }
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(ports)));
    expect(compose.services.kafka?.environment?.KAFKA_ADVERTISED_LISTENERS).toBe("PLAINTEXT://kafka:9092");
  });

  it.each(Object.entries(compose.services))("limits, restarts and watches %s", (_name, service) => {
    expect(service.restart).toBe("unless-stopped");
    expect(service.deploy?.resources.limits).toEqual({
      cpus: expect.stringMatching(/^[\d.]+$/) as string,
      memory: expect.stringMatching(/^\d+[MG]$/) as string,
    });
    for (const name of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(name);
    for (const name of service.networks ?? []) expect(compose.networks).toHaveProperty(name);
  });

  it.each(nodes)("gives %s a root that it cannot write, and the time to drain", (_name, node) => {
    expect(node.read_only).toBe(true);
    expect(node.tmpfs).toContain("/tmp");
    expect(Number.parseInt(node.stop_grace_period ?? "", 10)).toBeGreaterThan(10);
    // Its health check is the image's own, which asks on METRICS_PORT.
    expect(node.environment?.METRICS_PORT).toMatch(/^\d+$/);
    expect(node.healthcheck).toBeUndefined();
  });

  it.each(backing)("checks the health of %s itself", (_name, service) => {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
  });

  it("keeps what has to outlive a container in volumes that it declares", () => {
    for (const [name, service] of Object.entries(compose.services))
      for (const volume of service.volumes ?? []) {
        const source = volume.split(":")[0]!;
        const isThere = source.startsWith("./") ? existsSync(join(ROOT, source)) : source in compose.volumes;
        expect([name, volume, isThere]).toEqual([name, volume, true]);
      }
    for (const name of ["mongo", "rabbitmq", "kafka"]) expect(compose.services[name]?.volumes).toBeDefined();
  });
});

describe("Dockerfile", () => {
  const dockerfile = text("Dockerfile");
  const manifest = JSON.parse(text("package.json")) as { main: string; engines: { node: string } };

  it("starts the program that package.json names, as a user without rights", () => {
    expect(dockerfile).toMatch(new RegExp(`CMD \\["node", .*"${manifest.main}"\\]`));
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain("npm ci --omit=dev");
  });

  it("asks a probe that exists, on METRICS_PORT or else on PORT and its default", () => {
    expect(dockerfile).toContain("process.env.METRICS_PORT || process.env.PORT || 3000}/health/ready");
    expect(loadConfig({}).PORT).toBe(3000);
  });

  it("gets every folder of sources: .dockerignore keeps none of them out", () => {
    const ignore = text(".dockerignore").split("\n");
    const build = parse(text("tsconfig.build.json")) as { exclude: string[] };
    const sources = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .filter((name) => !build.exclude.includes(name))
      .filter((name) =>
        readdirSync(join(ROOT, name), { recursive: true }).some((file) => /\.ts$/.test(`${file}`)),
      );
    for (const folder of [...sources, "public", "*.ts", "package-lock.json"])
      expect(ignore).toContain(`!${folder}`);
  });
});

describe("deploy/kubernetes", () => {
  it("lists every file, and every file that it lists is there", () => {
    const listed = [...kustomization.resources, ...kustomization.patches.map(({ path }) => path)];
    const files = readdirSync(join(ROOT, KUSTOMIZE)).filter(
      (file) => !["kustomization.yaml", "secret.yaml", "secret.example.yaml"].includes(file),
    );
    expect(files.sort()).toEqual(listed.sort());
  });

  it("has a patch for each kind that it names", () => {
    for (const { path, target } of kustomization.patches) expect(resources(path)[0]?.kind).toBe(target.kind);
  });

  it("sets variables that the program knows, to values that it takes", () => {
    const own = (container.env ?? []).map(({ name }) => name);
    expect(unknownNames([...own, ...Object.keys(settings), ...Object.keys(secrets)])).toEqual([]);
    for (const deployment of deployments) {
      const env = deployment.spec.template.spec.containers[0].env ?? [];
      const environment = Object.fromEntries(env.map(({ name, value }) => [name, value ?? ""]));
      // All else is in the settings and secrets that every node gets, so no service misses what it reads.
      expect(Object.keys(environment)).toEqual(["SERVICES"]);
      expect(() => loadConfig({ ...settings, ...environment })).not.toThrow();
    }
  });

  it("runs every service, each in one deployment, with a budget and an autoscaler of the same name", () => {
    const run = deployments.flatMap(({ spec }) =>
      servicesOf(spec.template.spec.containers[0].env?.find(({ name }) => name === "SERVICES")?.value),
    );
    expect(run.sort()).toEqual([...SERVICE_NAMES].sort());
    const names = named("Deployment");
    expect(named("PodDisruptionBudget")).toEqual(names);
    expect(named("HorizontalPodAutoscaler")).toEqual(names);
  });

  it("selects the pods that it labels", () => {
    const components = new Map(
      deployments.map(({ metadata, spec }) => [metadata.name, spec.template.metadata.labels]),
    );
    for (const { kind, metadata, spec } of manifests) {
      if (kind === "HorizontalPodAutoscaler") expect(spec.scaleTargetRef?.name).toBe(metadata.name);
      if (kind === "Deployment" || kind === "PodDisruptionBudget")
        expect(spec.selector).toEqual({ matchLabels: components.get(metadata.name) });
      if (kind === "Service") expect(spec.selector).toEqual(components.get(metadata.name));
    }
  });

  it("probes live and ready on METRICS_PORT, and sends requests to PORT", () => {
    const { startupProbe, livenessProbe, readinessProbe, ports } = container;
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect(PROBES).toContain(probe?.httpGet.path);
      expect(probe?.httpGet.port).toBe("metrics");
    }
    expect(readinessProbe?.httpGet.path).toBe("/health/ready");
    expect(ports).toEqual([{ name: "metrics", containerPort: Number(settings.METRICS_PORT) }]);
    expect(pod.metadata.annotations?.["prometheus.io/port"]).toBe(settings.METRICS_PORT);

    const gateway = deployments.find(({ metadata }) => metadata.name === "gateway");
    expect(gateway?.spec.template.spec.containers[0].ports).toEqual([
      { name: "http", containerPort: Number(settings.PORT) },
    ]);
    const service = manifests.find(({ kind }) => kind === "Service");
    expect(service?.spec.ports).toMatchObject([{ targetPort: "http" }]);
  });

  it("ends a pod only after it has drained, and gives it no rights", () => {
    const pause = Number(container.lifecycle?.preStop.exec.command[1]);
    const drain = 10;
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(pause + drain);
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  const kubectl = ((): boolean => {
    try {
      return execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" }) === null;
    } catch {
      return false;
    }
  })();
  if (kubectl)
    it("renders, with every node patched", () => {
      const rendered = parseAllDocuments(
        execFileSync("kubectl", ["kustomize", join(ROOT, KUSTOMIZE)], { encoding: "utf8" }),
      ).map((document) => document.toJS() as Resource);
      const pods = rendered.filter(({ kind }) => kind === "Deployment");
      expect(pods).toHaveLength(deployments.length);
      for (const { spec } of pods) {
        const { env, readinessProbe } = spec.template.spec.containers[0];
        expect(env?.map(({ name }) => name)).toEqual(["NODE_ID", "SERVICES"]);
        expect(readinessProbe).toEqual(container.readinessProbe);
      }
    });
});

describe("secrets", () => {
  const SECRET = Object.entries(VARIABLES).flatMap(([name, variable]) =>
    "secret" in variable ? [name] : [],
  );

  it("come from outside: no file holds one", () => {
    for (const [, { environment = {} }] of Object.entries(compose.services))
      for (const [name, value] of Object.entries(environment))
        if (/PASS|SECRET|PRIVATE/.test(name)) expect(value).toMatch(/^\$\{\w+:[-?][^}]*\}$/);
    expect(Object.keys(settings).filter((name) => SECRET.includes(name))).toEqual([]);
    for (const value of Object.values(secrets)) expect(value).toMatch(/<[\w-]+>/);
  });

  it("stand in no URL", () => {
    const files = [
      "docker-compose.yml",
      "Dockerfile",
      ...readdirSync(join(ROOT, KUSTOMIZE)).map((f) => join(KUSTOMIZE, f)),
    ];
    for (const file of files)
      for (const [, password] of text(file).matchAll(/:\/\/[^\s/:@]+:([^@\s]+)@/g))
        expect([file, password]).toEqual([
          file,
          expect.stringMatching(/^(\$\{\w+:\?[^}]*|<password>)$|^\$\{\w+/),
        ]);
  });
});
