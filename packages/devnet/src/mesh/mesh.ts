import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { defaultLimits } from '@ogong/chain/deploy/deploy';
import type { Deployment } from '@ogong/chain/deployment';
import type { Address } from '@ogong/chain/hex';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { formatHostPort } from '@ogong/host/link/host-port';
import { readTrust } from '@ogong/host/views/read-trust';
import { hashModelTokenizer } from '@ogong/models/tokenizer-hash';
import { toHex } from '@ogong/protocol/base/bytes';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { type DevChain, startDevChain } from '../chain/dev-chain.ts';
import { isPortFree } from '../chain/free-port.ts';
import { CANARY_TEXTS } from './canary-texts.ts';
import { trimCompileCache } from './compile-cache.ts';
import { keepPrices, writePrices } from './keep-prices.ts';
import { MeshError } from './mesh-error.ts';
import { loadMeshIdentity, loadMeshValidator, type MeshIdentity, type MeshValidator } from './mesh-identities.ts';
import { type LedgerPlan, OGONG, prepareLedger, setTestRates, type TestRates } from './mesh-ledger.ts';
import {
  beaconPeriodOf,
  bondOf,
  type CanaryFiles,
  countProviders,
  feedNames,
  listModels,
  type MeshOptions,
  type MeshPlan,
  type MeshPorts,
  type MeshRole,
  planMesh,
  providerName,
  signerName,
  validatorName,
  verifierName,
} from './mesh-plan.ts';
import { type MeshState, removeMeshState, writeMeshState } from './mesh-state.ts';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';
import { createReviver } from './reviver.ts';
import { startInOrder } from './start-order.ts';
import { createSupervisedProcess, type SupervisedProcess } from './supervised-process.ts';

export interface MeshLaunch extends MeshOptions {
  readonly ports: MeshPorts;
  /** Keep the chain over restarts, and let other commands find this mesh. Default: false. */
  readonly isLasting?: boolean;
  readonly blockTimeMs?: number;
  /** Start daemons again that end by themselves. Default: false, so that a test sees every end. */
  readonly revives?: boolean;
}

export interface MeshHooks {
  /** Ends a start that is under way: started programs are stopped again, and the start fails with its reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (message: string) => void;
  /** Called when a daemon ends without having been asked to. */
  readonly onCrash?: (detail: string) => void;
}

export interface MeshMember {
  readonly name: string;
  /** A signer has no identity of its own. */
  readonly role: Exclude<MeshRole, 'signer'>;
  readonly identity: MeshIdentity;
}

/** A running network on this machine. */
export interface Mesh {
  readonly plan: MeshPlan;
  readonly deployment: Deployment;
  readonly members: readonly MeshMember[];
  readonly recipients: LedgerPlan['recipients'];
  /** Starts a daemon again that was stopped or killed. */
  restart(name: string): Promise<void>;
  kill(name: string, signal: NodeJS.Signals): Promise<void>;
  /** Sets the rates of tests. Validators use them from their next read on, and buy answers only if the launch named a rate. */
  setTestRates(rates: TestRates): Promise<void>;
  stop(): Promise<void>;
}

const providerStake = 1_000n * OGONG;
const gatewayDeposit = 1_000n * OGONG;

/** Starts chain, ledger and daemons. After any failure, started processes are stopped again. */
export async function startMesh(
  launch: MeshLaunch,
  { onProgress = () => {}, onCrash = () => {}, signal }: MeshHooks = {},
): Promise<Mesh> {
  const { directory, ports, isLasting = false, revives = false } = launch;
  for (const path of [directory, join(directory, 'logs')]) makePrivateDirectory(path);
  await assertPortsFree(ports);
  await trimCompileCache();
  const identities = await loadIdentities(launch);
  const validators = await Promise.all(
    ports.validators.map((_, i) => loadMeshValidator(directory, validatorName(i), signerName(launch, i))),
  );
  for (const [i, validator] of validators.entries()) identities.set(validatorName(i), validator);
  const identityOf = (name: string): MeshIdentity => identities.get(name) as MeshIdentity;
  const plan = planMesh(launch, ports, {
    router: toHex(identityOf('router').certHash),
    ...(launch.relay && { relay: toHex(identityOf('relay').certHash) }),
    validators: validators.map(({ address }) => address),
    verifiers: ports.verifiers.map((_, i) => {
      const { certHash, keyHash } = identityOf(verifierName(i));
      return { certHash: toHex(certHash), keyHash: toHex(keyHash) };
    }),
    providers: ports.providers.map((_, i) => toHex(identityOf(providerName(launch, i)).keyHash)),
  });
  const processes = new Map<string, SupervisedProcess>();
  let chain: DevChain | undefined;
  let phase: MeshState['phase'] = 'starting';
  let stopping: Promise<void> | undefined;
  const watching = new AbortController();
  let watched: Promise<unknown> = Promise.resolve();
  let isStopped = false;

  const publish = (message: string): void => {
    // A listener finds the change in the state.
    if (isLasting && !isStopped)
      writeMeshState(directory, describeState({ plan, launch, phase, message, processes, chain }));
    onProgress(message);
  };
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      phase = 'stopping';
      watching.abort();
      await watched;
      publish('stopping');
      await stopInOrder(plan, processes);
      await chain?.stop();
      isStopped = true;
      if (isLasting) removeMeshState(directory);
    })();
    return stopping;
  };
  // Daemons under way end at once, and their starts fail.
  const interrupt = (): void => void stop();
  signal?.addEventListener('abort', interrupt, { once: true });

  const reviver = createReviver({
    async start(name) {
      await find(processes, name).start();
    },
    clear: (name) => find(processes, name).kill('SIGKILL'),
    isOver: () => stopping !== undefined,
    report: publish,
    wait: (ms) => delay(ms, undefined, { ref: false }),
    nowMs: () => performance.now(),
  });

  try {
    signal?.throwIfAborted();
    publish('starting the chain');
    chain = await startDevChain({
      port: ports.chain,
      blockTimeMs: launch.blockTimeMs ?? (launch.timings?.calmBlockSeconds === undefined ? 250 : 100),
      ...(isLasting ? { statePath: plan.chainStateFile } : {}),
    });
    const ledger = planLedger(launch, { plan, validators, identityOf });
    signal?.throwIfAborted();
    const place = { chain, deploymentFile: plan.deploymentFile, onProgress: publish };
    // Each of its steps waits for a block.
    const deployment = await chain.hurry(() => prepareLedger(ledger, place));
    const trusted = {
      chain: await createChainClient({ rpcUrl: plan.rpcUrl, deployment }),
      ...{ router: identityOf('router'), models: listModels(launch) },
    };
    await writeTrust(plan, trusted);
    if (plan.canaries !== undefined) writeCanaryFiles(plan.canaries);
    if (plan.priceFile !== undefined) await writePrices(trusted.chain, plan.priceFile);
    for (const { name, entry, args, logFile } of plan.processes) {
      const report = (detail: string): void => {
        if (stopping) return;
        onCrash(`${detail}; its log is ${logFile}`);
        if (revives && phase === 'ready') void reviver.revive(name);
      };
      processes.set(name, createSupervisedProcess({ name, entry, args, logFile, onCrash: report }));
    }
    let ready = 0;
    await startInOrder(
      plan.processes,
      async ({ name }) => {
        signal?.throwIfAborted();
        await (processes.get(name) as SupervisedProcess).start();
        publish(`${++ready} of ${plan.processes.length} daemons serve: ${name}`);
      },
      // Each start keeps about one core busy. More starts at a time would only slow all of them down.
      { limit: Math.max(2, availableParallelism()) },
    );
    const { signal: ended } = watching;
    watched = Promise.all([
      ...(deployment.beaconKeys === undefined
        ? []
        : [takeKey(trusted.chain, { signal: ended, take: () => writeTrust(plan, trusted), onProgress })]),
      ...(plan.priceFile === undefined ? [] : [keepPrices(trusted.chain, { file: plan.priceFile, signal: ended })]),
    ]);
    const { calmBlockSeconds } = launch.timings ?? {};
    if (calmBlockSeconds !== undefined) await chain.setBlockTime(calmBlockSeconds);
    phase = 'ready';
    publish(`ready at ${plan.gatewayUrl}`);
    return {
      plan,
      deployment,
      members: plan.processes.flatMap(({ name, role }) =>
        role === 'signer' ? [] : [{ name, role, identity: identityOf(name) }],
      ),
      recipients: ledger.recipients,
      async restart(name) {
        const process = find(processes, name);
        await process.stop();
        await process.start();
        publish(`${name} is back`);
      },
      async kill(name, signal) {
        await find(processes, name).kill(signal);
        publish(`${name} was ended with ${signal}`);
      },
      async setTestRates(rates) {
        const { privateKey } = identityOf('deployer');
        await setTestRates(await createChainClient({ rpcUrl: plan.rpcUrl, deployment, privateKey }), rates);
      },
      stop,
    };
  } catch (error) {
    await stop();
    // It may have started after the others were stopped.
    await chain?.stop();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

function writeCanaryFiles({ keys, texts }: CanaryFiles): void {
  writePrivateFile(keys, 'any\n');
  writePrivateFile(texts, `${CANARY_TEXTS.join('\n')}\n`);
}

const KEY_INTERVAL_MS = 500;

/**
 * Takes the key of the threshold beacon once the chain has it. Nothing waits for that: until then the bootstrap beacon goes on. A key
 * counts two epochs later, so a reader has it in time now. A failed attempt is repeated.
 */
async function takeKey(
  chain: ChainClient,
  {
    signal,
    take,
    onProgress,
  }: {
    readonly signal: AbortSignal;
    readonly take: () => Promise<void>;
    readonly onProgress: (message: string) => void;
  },
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (((await chain.beaconKeys())?.generations.length ?? 0) > 0) {
        await take();
        onProgress('the validators have made the key of the beacon');
        return;
      }
    } catch {
      // The chain does not answer.
    }
    await delay(KEY_INTERVAL_MS, undefined, { ref: false, signal }).catch(() => undefined);
  }
}

function find(processes: ReadonlyMap<string, SupervisedProcess>, name: string): SupervisedProcess {
  const process = processes.get(name);
  if (!process) throw new MeshError('bad-option', `there is no ${name}; there are ${[...processes.keys()].join(', ')}`);
  return process;
}

const accountNames = ['deployer', 'maker', 'verification-pool', 'treasury', 'license'] as const;

async function loadIdentities(launch: MeshLaunch): Promise<Map<string, MeshIdentity>> {
  const providers = Array.from({ length: countProviders(launch) }, (_, i) => i);
  const names = [
    ...providers.map(verifierName),
    ...providers.map((i) => providerName(launch, i)),
    ...['router', 'gateway'],
    ...(launch.relay ? ['relay'] : []),
    ...accountNames,
    ...(launch.economy === 'burn-and-mint' ? [...feedNames(launch.ports), 'governance'] : []),
  ];
  return new Map(
    await Promise.all(names.map(async (name) => [name, await loadMeshIdentity(launch.directory, name)] as const)),
  );
}

interface MeshKeys {
  readonly plan: MeshPlan;
  readonly validators: readonly MeshValidator[];
  readonly identityOf: (name: string) => MeshIdentity;
}

function planLedger(launch: MeshLaunch, { plan, validators: keys, identityOf }: MeshKeys): LedgerPlan {
  const account = (name: string) => ({ name, privateKey: identityOf(name).privateKey });
  const address = (name: (typeof accountNames)[number]): Address => identityOf(name).address;
  const ofRole = (role: MeshRole) => plan.processes.filter((process) => process.role === role);
  const validators = ofRole('validator').map(({ name, port }, i) => ({
    name,
    ...(keys[i] as MeshValidator),
    bondAtomic: bondOf(i),
    endpoint: `127.0.0.1:${port}`,
  }));
  return {
    deployer: account('deployer'),
    recipients: {
      verification: address('verification-pool'),
      treasury: address('treasury'),
      license: address('license'),
    },
    validators,
    providers: ofRole('provider').map(({ name }) => ({ ...account(name), stakeAtomic: providerStake })),
    router: {
      ...account('router'),
      bondAtomic: defaultLimits.minimumRouterBond,
      ticketKey: identityOf('router').keyHash,
    },
    payer: {
      ...account('gateway'),
      depositAtomic: gatewayDeposit,
      allowanceAtomic: gatewayDeposit / BigInt(2 * launch.ports.validators.length),
    },
    maker: account('maker'),
    ...(launch.economy === 'burn-and-mint' && {
      burnAndMint: {
        feedKeys: feedNames(launch.ports).map((name) => identityOf(name).privateKey),
        governance: identityOf('governance').address,
      },
    }),
    models: listModels(launch).map(({ id, path, root }) => ({
      ...{ id, root },
      tokenizerHash: hashModelTokenizer(path),
    })),
    testRates: { canaryRate: launch.canaryRate, timedRate: launch.timedRate },
    hasEmission: launch.hasEmission === true && launch.economy !== 'burn-and-mint',
    hasMachines: launch.machines !== undefined,
    beaconPeriod: beaconPeriodOf(launch),
  };
}

/** Consumers first, so that no daemon calls one that is gone. */
const stopOrder: readonly MeshRole[] = ['gateway', 'provider', 'relay', 'router', 'verifier', 'validator', 'signer'];

async function stopInOrder(plan: MeshPlan, processes: ReadonlyMap<string, SupervisedProcess>): Promise<void> {
  for (const role of stopOrder) {
    const names = plan.processes.filter((process) => process.role === role).map(({ name }) => name);
    await Promise.all(names.map((name) => processes.get(name)?.stop()));
  }
}

async function assertPortsFree({ chain, router, gateway, relay, ...rows }: MeshPorts): Promise<void> {
  const { validators, verifiers, providers } = rows;
  const single = [chain, router, gateway, ...(relay === undefined ? [] : [relay])];
  for (const port of [...single, ...validators, ...verifiers, ...providers]) {
    if (!(await isPortFree(port))) {
      throw new MeshError('port-in-use', `port ${port} is in use: stop what holds it, or choose another --base-port`);
    }
  }
}

interface Snapshot {
  readonly plan: MeshPlan;
  readonly launch: MeshLaunch;
  readonly phase: MeshState['phase'];
  readonly message: string;
  readonly processes: ReadonlyMap<string, SupervisedProcess>;
  readonly chain: DevChain | undefined;
}

function describeState({ plan, launch, phase, message, processes, chain }: Snapshot): MeshState {
  const chainIdentity = chain && identifyProcess(chain.pid);
  return {
    launcher: identifyProcess(process.pid) as ProcessIdentity,
    phase,
    message,
    model: launch.model.id,
    gatewayUrl: plan.gatewayUrl,
    rpcUrl: plan.rpcUrl,
    deploymentFile: plan.deploymentFile,
    trustFile: plan.trustFile,
    processes: [
      {
        name: 'chain',
        role: 'chain',
        port: plan.chainPort,
        logFile: '',
        ...(chainIdentity ? { identity: chainIdentity } : {}),
      },
      ...plan.processes.map(({ name, role, port, logFile }) => {
        const { identity, ready } = processes.get(name) ?? {};
        const metrics = readAddress(ready?.metrics);
        return { name, role, port, logFile, ...(identity && { identity }), ...(metrics && { metrics }) };
      }),
    ],
  };
}

function readAddress(told: unknown): string | undefined {
  const { host, port } = (told ?? {}) as { readonly host?: unknown; readonly port?: unknown };
  return typeof host === 'string' && typeof port === 'number' ? formatHostPort({ host, port }) : undefined;
}

async function writeTrust(
  { trustFile }: MeshPlan,
  given: {
    readonly chain: ChainClient;
    readonly router: MeshIdentity;
    readonly models: ReturnType<typeof listModels>;
  },
): Promise<void> {
  const trust = {
    ...(await readTrust(given.chain)),
    routers: [given.router.keyHash],
    modelRoots: Object.fromEntries(given.models.map(({ id, root }) => [id, root])),
  };
  writePrivateFile(trustFile, `${JSON.stringify(toTrustJson(trust), null, 2)}\n`);
}
