import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import { MeshError } from './mesh-error.ts';
import { signingKeyPath } from './mesh-identities.ts';
import { OGONG } from './mesh-ledger.ts';

export const MESH_ROLES = ['signer', 'validator', 'verifier', 'router', 'relay', 'provider', 'gateway'] as const;
export type MeshRole = (typeof MESH_ROLES)[number];

/** One daemon: its program, its arguments, and the daemons that must serve before it. */
export interface ProcessPlan {
  readonly name: string;
  readonly role: MeshRole;
  readonly entry: string;
  readonly args: readonly string[];
  readonly after: readonly string[];
  readonly dataDir: string;
  readonly logFile: string;
  /** 0 of a signer: it listens on a socket in its data directory. */
  readonly port: number;
}

export interface MeshPlan {
  readonly directory: string;
  readonly deploymentFile: string;
  /** Values that a consumer on this machine trusts, for `ogong verify --trust`. */
  readonly trustFile: string;
  readonly chainStateFile: string;
  readonly chainPort: number;
  readonly rpcUrl: string;
  readonly gatewayUrl: string;
  /** Material for validators' tests of providers; undefined if they make none. */
  readonly canaries: CanaryFiles | undefined;
  /** File from which validators read prices of token and dollar; undefined if the network does not burn and mint. */
  readonly priceFile: string | undefined;
  readonly processes: readonly ProcessPlan[];
}

/** Files, one entry a line. */
export interface CanaryFiles {
  /** The gateway of a mesh takes any key while it has none. */
  readonly keys: string;
  readonly texts: string;
}

export interface MeshModel {
  /** A GGUF file. */
  readonly path: string;
  /** `ogong/<tier>/<maker>/<model>` */
  readonly id: string;
  /** The published root of this model, 32 bytes: other weights are refused. */
  readonly root: Uint8Array;
}

/** A provider that differs from the others. */
export interface ProviderVariant {
  readonly name: string;
  /** Another program than `ogong-provider`: it gets its own arguments, `--`, then those of `serve`. */
  readonly program?: { readonly entry: string; readonly args: readonly string[] };
  /** Further flags of `serve`. */
  readonly flags?: readonly string[];
  /** Ids of its models. Default: all but those of tiers that need evidence of the machine. */
  readonly models?: readonly string[];
  /** Whether a verifier runs beside it. Default: true. */
  readonly hasVerifier?: boolean;
  /** Slabs that its verifier holds. Default: it has the whole models. */
  readonly heldSlabs?: readonly string[];
  /** Its verifier has the models that it fetches from the hub, and no others. Default: false. */
  readonly followsHub?: boolean;
}

/** The machines of tier `tee` that the gateway and the validators accept. */
export interface MeshMachines {
  /** A file that the daemons find at their start (docs/spec/tee-tier.md#policy). */
  readonly policyFile: string;
  /** How long the gateway does not ask a machine again that has answered. */
  readonly intervalMs: number;
  /** Names of the validators, or `router`, that show machines in software, too. Default: none. */
  readonly attested?: readonly string[];
}

export interface MeshRelay {
  /** Number of honest providers behind the relay: the last ones. */
  readonly providers: number;
  /** Port that providers and callers connect to, if another program listens there and forwards the bytes. */
  readonly publicPort?: number;
}

export interface MeshTimings {
  readonly epochMs: number;
  readonly settleIntervalMs: number;
  readonly announceIntervalMs: number;
  /** How long a validator waits for an opening or a verifier. */
  readonly auditWindowMs: number;
  /** Within this time daemons find validators that moved or came back. */
  readonly registryIntervalMs: number;
  /** A block of the chain comes in this time once all daemons serve. Default: as before. */
  readonly calmBlockSeconds?: number;
}

/** For tests and the demo: a verdict soon. */
export const QUICK_TIMINGS: MeshTimings = {
  epochMs: 2_000,
  settleIntervalMs: 2_000,
  announceIntervalMs: 2_000,
  auditWindowMs: 30_000,
  registryIntervalMs: 5_000,
};

/** For a mesh that stays up and mostly waits: each epoch and announcement costs every daemon signatures, each block a reading of the chain. */
export const CALM_TIMINGS: MeshTimings = {
  epochMs: 5_000,
  settleIntervalMs: 5_000,
  announceIntervalMs: 15_000,
  auditWindowMs: 60_000,
  registryIntervalMs: 20_000,
  calmBlockSeconds: 1,
};

/** The economies of a network (docs/adr/economies.md); `burn-and-mint` pays in dollar credits. */
export const ECONOMIES = ['ogong', 'burn-and-mint'] as const;
export type Economy = (typeof ECONOMIES)[number];

export interface MeshOptions {
  readonly directory: string;
  readonly model: MeshModel;
  /** Served beside the first one, by every provider, and verified by every verifier. */
  readonly others?: readonly MeshModel[];
  /** 1 to 9. */
  readonly validators?: number;
  /** Honest ones, 1 to 8. */
  readonly providers?: number;
  /** The network's means of payment. Default: `ogong`, its token. */
  readonly economy?: Economy;
  /** A new network that pays its token has an emission, tallied by the hour. Default: it has none, and its deployer holds the tranche. */
  readonly hasEmission?: boolean;
  /** Beside the honest ones. */
  readonly variants?: readonly ProviderVariant[];
  /** Default: no machine is accepted. */
  readonly machines?: MeshMachines;
  /** Providers that are reached through a blind relay alone. Default: none. */
  readonly relay?: MeshRelay;
  /** Number of validators, the last ones, with their signing key in a process of its own. Default: none. */
  readonly signers?: number;
  /** Whether the gateway seals its calls. Default: its own, `auto`. */
  readonly seal?: 'auto' | 'off' | 'required';
  readonly pricePer1kAtomic?: bigint;
  readonly timings?: MeshTimings;
  /**
   * The beacon of a new network. `threshold` is a signature by shares of a key, once its validators have made one; until then the proofs
   * are aggregated. `vrf` keeps the aggregate of proofs for good. Default: `threshold`.
   */
  readonly beacon?: MeshBeacon;
  /**
   * Validators test providers: they buy answers at the gateway. This is the first rate, parts per million of an epoch for each provider and
   * validator. Default: they do not.
   */
  readonly canaryRate?: number;
  /** Address to which all daemons send spans. Default: none. */
  readonly otlp?: string | undefined;
  /** Validators give providers' verifiers jobs with a deadline, by this rate to begin with. Default: as the contracts have it, 0. */
  readonly timedRate?: number;
}

export const MESH_BEACONS = ['threshold', 'vrf'] as const;
export type MeshBeacon = (typeof MESH_BEACONS)[number];

/** Seconds of an epoch of the threshold beacon, which the chain counts whole; undefined for a network without it. */
export function beaconPeriodOf({ beacon, timings = QUICK_TIMINGS }: Pick<MeshOptions, 'beacon' | 'timings'>) {
  return beacon === 'vrf' ? undefined : Math.ceil(timings.epochMs / 1_000);
}

export interface MeshPorts {
  readonly chain: number;
  readonly router: number;
  readonly gateway: number;
  /** Undefined where the mesh has no relay. */
  readonly relay?: number;
  readonly validators: readonly number[];
  readonly verifiers: readonly number[];
  readonly providers: readonly number[];
}

/** Values of a plan that come from its keys. */
export interface MeshPins {
  /** Certificate hash of the router, 64 hex digits. */
  readonly router: string;
  /** The same of the relay, if there is one. */
  readonly relay?: string;
  /** Account of each validator, `0x` and 40 hex digits. */
  readonly validators: readonly string[];
  /** Certificate hash and key hash of each verifier. */
  readonly verifiers: readonly { readonly certHash: string; readonly keyHash: string }[];
  /** Key hash of each provider. */
  readonly providers: readonly string[];
}

export const DEFAULT_BASE_PORT = 4500;

/** Odd on purpose: every share of every fee has to be rounded. */
export const DEFAULT_PRICE_PER_1K = OGONG / 1000n + 7n;

/** Unequal on purpose: a quorum is counted in stake, not in heads. Any three of four pass two thirds, no two do. */
export const bondOf = (index: number): bigint => (10_000n + 1_000n * BigInt(index)) * OGONG;

export const listModels = ({ model, others = [] }: MeshOptions): readonly MeshModel[] => [model, ...others];

export const countProviders = ({ providers = 3, variants = [] }: MeshOptions): number => providers + variants.length;

export const validatorName = (index: number): string => `validator-${index + 1}`;
/** The signer of a validator; undefined if the validator holds its key itself. */
export function signerName({ validators = 4, signers = 0 }: MeshOptions, index: number): string | undefined {
  return index >= validators - signers ? `signer-${index + 1}` : undefined;
}
export const verifierName = (index: number): string => `verifier-${index + 1}`;
export function providerName({ providers = 3, variants = [] }: MeshOptions, index: number): string {
  return variants[index - providers]?.name ?? `provider-${index + 1}`;
}

/** Validators that are price feeds, if the network burns and mints: the first of them. */
export const feedNames = ({ validators }: Pick<MeshPorts, 'validators'>): string[] =>
  validators.slice(0, 3).map((_, i) => `feed-${i + 1}`);

const verifierFlags = (port: number, { certHash, keyHash }: MeshPins['verifiers'][number]): readonly string[] => [
  ...['--verifier-endpoint', at(port), '--verifier-cert', certHash, '--verifier-key', keyHash],
];

const hasVerifier = ({ providers = 3, variants = [] }: MeshOptions, index: number): boolean =>
  variants[index - providers]?.hasVerifier ?? true;

const isForAll = ({ id }: MeshModel): boolean => !isAttestedTier(parseModelId(id).tier);

/** A plan's ports lie at most so far above its base. */
export const PORTS_ABOVE_BASE = 80;

/** Fixed ports around the daemons' own defaults: with base 4500 the gateway is at 4546. */
export function planPorts(base: number, { validators = 4, ...options }: MeshOptions): MeshPorts {
  const highest = base + PORTS_ABOVE_BASE;
  if (!Number.isInteger(base) || base < 1024 || highest > 65_535) {
    throw new MeshError('bad-option', `base port ${base}: must lie between 1024 and ${65_535 - PORTS_ABOVE_BASE}`);
  }
  const row = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => base + first + i);
  return {
    chain: base + 45,
    router: base + 44,
    gateway: base + 46,
    ...(options.relay && { relay: base + 47 }),
    validators: row(31, validators),
    verifiers: row(51, countProviders(options as MeshOptions)),
    providers: row(61, countProviders(options as MeshOptions)),
  };
}

/** The same layout on ports that the system gave. */
export function assignPorts(free: readonly number[], options: MeshOptions): MeshPorts {
  const { validators = 4 } = options;
  const providers = countProviders(options);
  const take = [...free];
  const next = (): number => {
    const port = take.shift();
    if (port === undefined) throw new MeshError('bad-option', `${free.length} ports are too few`);
    return port;
  };
  const row = (count: number): number[] => Array.from({ length: count }, next);
  return {
    chain: next(),
    router: next(),
    gateway: next(),
    ...(options.relay && { relay: next() }),
    validators: row(validators),
    verifiers: row(providers),
    providers: row(providers),
  };
}

export const countPorts = (options: MeshOptions): number =>
  3 + (options.relay ? 1 : 0) + (options.validators ?? 4) + 2 * countProviders(options);

const require = createRequire(import.meta.url);
/** The daemons' programs, from the packages that they come with. */
const BIN = {
  signerd: require.resolve('@ogong/validator/bin/ogong-signerd'),
  validatord: require.resolve('@ogong/validator/bin/ogong-validatord'),
  routerd: require.resolve('@ogong/router/bin/ogong-routerd'),
  relayd: require.resolve('@ogong/router/bin/ogong-relayd'),
  gatewayd: require.resolve('@ogong/gateway/bin/ogong-gatewayd'),
  provider: require.resolve('@ogong/provider/bin/ogong-provider'),
  verifierd: require.resolve('@ogong/provider/bin/ogong-verifierd'),
} as const;
const at = (port: number): string => `127.0.0.1:${port}`;

/** Every daemon of a mesh on this machine. Pure: starts nothing and writes nothing. */
export function planMesh(options: MeshOptions, ports: MeshPorts, pins: MeshPins): MeshPlan {
  const {
    directory,
    variants = [],
    machines,
    pricePer1kAtomic = DEFAULT_PRICE_PER_1K,
    timings = QUICK_TIMINGS,
  } = options;
  assertOptions(options);
  const deploymentFile = join(directory, 'deployment.json');
  const rpcUrl = `http://${at(ports.chain)}`;
  const gatewayUrl = `http://${at(ports.gateway)}`;
  const canaries =
    options.canaryRate === undefined
      ? undefined
      : { keys: join(directory, 'canary-keys.txt'), texts: join(directory, 'canary-texts.txt') };
  const priceFile = options.economy === 'burn-and-mint' ? join(directory, 'prices.json') : undefined;
  const feeds = feedNames(ports);
  const priceFlags = (i: number): string[] => {
    if (priceFile === undefined) return [];
    const interval = ['--price-interval', `${Math.min(30_000, 2 * timings.settleIntervalMs)}ms`];
    const feed = feeds[i];
    if (feed === undefined) return interval;
    return [...interval, '--price-source', priceFile, '--price-keypair', join(directory, feed, 'ledger.key')];
  };
  const logs = join(directory, 'logs');
  const models = listModels(options);
  // All daemons share the index of a model's file there.
  const shared = ['--models-dir', join(directory, 'models')];
  const flagsOf = (paths: Iterable<string>): string[] => [...paths].flatMap((path) => ['--model', `file:${path}`]);
  /** One file may bear two ids. */
  const verified = flagsOf(new Set(models.map(({ path }) => path)));
  const policyFlags = machines === undefined ? [] : ['--machine-policy', machines.policyFile];
  const attestedFlags = (name: string): readonly string[] =>
    machines?.attested?.includes(name) ? ['--tee', 'software'] : [];
  const registry = ['--registry-interval', `${timings.registryIntervalMs}ms`];
  // Half an epoch: orders may be at most two epochs from the newest one that a daemon knows.
  const beacon = ['--beacon-interval', `${Math.max(1_000, timings.epochMs / 2)}ms`];
  const tracing = options.otlp === undefined ? [] : ['--otlp', options.otlp];
  const chainFlags = ['--rpc-url', rpcUrl, '--deployment', deploymentFile];
  const define = (
    name: string,
    role: MeshRole,
    port: number,
    rest: { entry: string; before?: readonly string[]; args: readonly string[]; after?: readonly string[] },
  ): ProcessPlan => {
    const dataDir = join(directory, name);
    // A relay knows no chain.
    const network = role === 'relay' ? [] : chainFlags;
    const common =
      role === 'signer'
        ? ['--data-dir', dataDir]
        : ['--bind', at(port), '--data-dir', dataDir, '--metrics-bind', at(0), ...network, ...tracing];
    const args = [...(rest.before ?? []), ...common, ...rest.args];
    return {
      name,
      role,
      port,
      dataDir,
      entry: rest.entry,
      args,
      after: rest.after ?? [],
      logFile: join(logs, `${name}.log`),
    };
  };
  const validatorNames = ports.validators.map((_, i) => validatorName(i));
  const socketOf = (signer: string): string => join(directory, signer, 'socket', 's');
  const processes = [
    ...ports.validators.flatMap((_, i) => {
      const name = signerName(options, i);
      if (name === undefined) return [];
      const args = ['--account', pins.validators[i] as string, '--socket', socketOf(name)];
      return [define(name, 'signer', 0, { entry: BIN.signerd, args })];
    }),
    ...ports.validators.map((port, i) => {
      const signer = signerName(options, i);
      return define(validatorName(i), 'validator', port, {
        entry: BIN.validatord,
        after: signer === undefined ? [] : [signer],
        args: [
          ...['--account', pins.validators[i] as string],
          ...(signer === undefined
            ? ['--signing-keypair', signingKeyPath(join(directory, validatorName(i)))]
            : ['--signer', socketOf(signer)]),
          ...['--transaction-keypair', join(directory, validatorName(i), 'ledger.key')],
          ...['--epoch-ms', String(timings.epochMs)],
          ...['--settle-interval', `${timings.settleIntervalMs}ms`],
          ...['--audit-window', `${timings.auditWindowMs}ms`],
          ...(canaries === undefined ? [] : ['--canary-gateway', gatewayUrl]),
          ...(canaries === undefined ? [] : ['--canary-keys', canaries.keys, '--canary-texts', canaries.texts]),
          ...priceFlags(i),
          ...policyFlags,
          ...attestedFlags(validatorName(i)),
          ...registry,
        ],
      });
    }),
    ...ports.verifiers.flatMap((port, i) => {
      if (!hasVerifier(options, i)) return [];
      const { heldSlabs, followsHub = false } = variants[i - (options.providers ?? 3)] ?? {};
      const followed = ['--hub-of', join(directory, providerName(options, i), 'hub')];
      const held = followsHub ? followed : (heldSlabs?.flatMap((slab) => ['--segment', slab]) ?? verified);
      const args = [...held, ...shared, '--provider', pins.providers[i] as string, ...registry];
      return [define(verifierName(i), 'verifier', port, { entry: BIN.verifierd, args })];
    }),
    define('router', 'router', ports.router, {
      entry: BIN.routerd,
      args: [
        ...[...registry, '--refresh-interval', `${timings.announceIntervalMs}ms`, ...attestedFlags('router')],
        ...(ports.relay === undefined
          ? []
          : ['--known-relay', `${at(options.relay?.publicPort ?? ports.relay)}|${pins.relay}`]),
      ],
    }),
    ...(ports.relay === undefined ? [] : [define('relay', 'relay', ports.relay, { entry: BIN.relayd, args: [] })]),
    ...ports.providers.map((port, i) => {
      const name = providerName(options, i);
      const pin = pins.verifiers[i] as MeshPins['verifiers'][number];
      const own = variants.find((variant) => variant.name === name);
      const served = models.filter((model) => own?.models?.includes(model.id) ?? isForAll(model));
      return define(name, 'provider', port, {
        entry: own?.program?.entry ?? BIN.provider,
        before: own?.program ? [...own.program.args, '--', 'serve'] : ['serve'],
        args: [
          ...withBackend(own?.flags ?? []),
          ...flagsOf(served.map(({ path }) => path)),
          ...shared,
          ...served.flatMap(({ id }) => ['--model-id', id]),
          ...['--price', String(pricePer1kAtomic)],
          ...['--router', at(ports.router)],
          ...['--router-cert', pins.router],
          ...(isRelayed(options, i) ? ['--relay', 'auto'] : []),
          ...(hasVerifier(options, i) ? verifierFlags(ports.verifiers[i] as number, pin) : []),
          ...['--announce-interval', `${timings.announceIntervalMs}ms`],
          ...[...registry, ...beacon],
        ],
        after: [...validatorNames, 'router', ...(isRelayed(options, i) ? ['relay'] : [])],
      });
    }),
    define('gateway', 'gateway', ports.gateway, {
      entry: BIN.gatewayd,
      args: [
        ...['--router', at(ports.router), '--router-cert', pins.router, '--public-rpc-url', rpcUrl],
        ...models.flatMap(({ id, path }) => ['--model-source', `${id}=file:${path}`]),
        ...beacon,
        ...policyFlags,
        ...(machines === undefined ? [] : ['--machine-interval', `${machines.intervalMs}ms`]),
        ...(options.seal === undefined ? [] : ['--seal', options.seal]),
      ],
      after: [...validatorNames, 'router'],
    }),
  ];
  return {
    directory,
    deploymentFile,
    trustFile: join(directory, 'trust.json'),
    chainStateFile: join(directory, 'chain.json'),
    chainPort: ports.chain,
    rpcUrl,
    gatewayUrl,
    canaries,
    priceFile,
    processes,
  };
}

/** Verifiers of a mesh compute on the CPU, and answers of a card would be compared by scores. */
const withBackend = (flags: readonly string[]): readonly string[] =>
  flags.includes('--backend') ? flags : [...flags, '--backend', 'cpu'];

function isRelayed({ providers = 3, relay }: MeshOptions, index: number): boolean {
  return relay !== undefined && index < providers && index >= providers - relay.providers;
}

function assertOptions({ validators = 4, providers = 3, variants = [], relay, signers = 0 }: MeshOptions): void {
  const within = (value: number, high: number): boolean => Number.isInteger(value) && value >= 1 && value <= high;
  if (!within(validators, 9)) throw new MeshError('bad-option', `${validators} validators: 1 to 9 fit on one machine`);
  if (!within(providers, 8) && !(providers === 0 && variants.length > 0))
    throw new MeshError('bad-option', `${providers} providers: 1 to 8 fit on one machine`);
  if (!(signers >= 0 && signers <= validators)) {
    throw new MeshError('bad-option', `${signers} signers: 0 to ${validators} of the validators can have one`);
  }
  if (relay && !within(relay.providers, providers)) {
    throw new MeshError('bad-option', `${relay.providers} providers behind a relay: 1 to ${providers} can be`);
  }
}
