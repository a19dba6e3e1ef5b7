import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import {
  assignPorts,
  countPorts,
  type MeshBeacon,
  type MeshOptions,
  type MeshRelay,
  type MeshTimings,
} from '@ogong/devnet/mesh/mesh-plan';
import { readMeshState } from '@ogong/devnet/mesh/mesh-state';
import { type ProcessIdentity, signalProcess } from '@ogong/devnet/mesh/process-identity';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { ask } from '../demo/ask.ts';
import { completeReceipts } from '../demo/claims/complete-receipts.ts';
import { listMembers, readTrust, withBond } from '../demo/mesh-members.ts';
import { openLinks } from '../demo/mesh-router.ts';
import { readBooks, readHistory } from '../demo/money/ledger-book.ts';
import { countProviders, waitUntil } from '../demo/polling.ts';
import { planRequest } from '../demo/prompts.ts';
import type { AskedReply, Books, Member, RunRecord } from '../demo/run-record.ts';
import { readVerdictLogs } from '../demo/verdict-logs.ts';
import { toFeeShares } from '../economics/fee-shares.ts';

/** A whole network of processes over the small model, and the faults that a test can inject. */
export interface TestMesh {
  readonly mesh: Mesh;
  /** The model that its providers sell. */
  readonly model: { readonly id: string; readonly modelRoot: Uint8Array };
  readonly chain: ChainClient;
  /** Trust settings of its consumers, from the chain at the start. */
  readonly trust: Trust;
  readonly links: LinkPool;
  readonly members: readonly Member[];
  /** All replies so far, in the order of their answers. */
  readonly replies: readonly AskedReply[];
  /** @param prompt in place of the next planned one. */
  ask(prompt?: string): Promise<AskedReply>;
  /** `SIGSTOP` makes the chain hang without ending it; `SIGCONT` lets it go on. */
  signalChain(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** `SIGSTOP` makes a daemon hang without ending it; `SIGCONT` lets it go on. */
  signalDaemon(name: string, signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** To the process in which a provider's model runs, and not to the provider. */
  signalEngine(provider: string, signal: 'SIGKILL' | 'SIGSTOP'): void;
  /** Puts the clock of every daemon ahead of this machine's. */
  setAhead(ms: number): Promise<void>;
  nowMs(): number;
  /** Reads logs, stores and replies of the network, for the checks of claims. */
  readRun(): Promise<RunRecord>;
  stop(): Promise<void>;
}

const MODEL_ID = 'ogong/verified/karpathy/stories260k';
const MAX_TOKENS = 64;
const RECEIPTS_AT_ONCE = 32;
const PATIENCE_MS = 120_000;
const preload = fileURLToPath(new URL('./daemon-clock.ts', import.meta.url));

export interface TestMeshOptions {
  readonly providers?: number;
  readonly timings?: MeshTimings;
  /**
   * Default: `vrf`, whose epochs are counted. With timed epochs and clocks that were put ahead, a record would be minutes late and would be
   * decided by a later epoch.
   */
  readonly beacon?: MeshBeacon;
  /** Behind a blind relay. Default: none. */
  readonly relay?: MeshRelay;
  /** Modules that are preloaded into every daemon, beside its clock. */
  readonly preloads?: readonly string[];
  /** Variables that every daemon has. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startTestMesh({
  providers = 2,
  timings,
  beacon = 'vrf',
  relay,
  preloads = [],
  environment = {},
}: TestMeshOptions = {}): Promise<TestMesh> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bad-days-'));
  const clockFile = join(directory, 'clock');
  const restore = setEnvironment({
    OGONG_LAB_CLOCK: clockFile,
    NODE_OPTIONS: [
      '--disable-warning=ExperimentalWarning',
      ...[preload, ...preloads].map((path) => `--import=${pathToFileURL(path)}`),
    ].join(' '),
    OGONG_VALIDATOR_GRACE: '5s',
    ...environment,
  });
  const { path, modelRoot: root } = await resolveModel('stories260K', { storeDir: directory });
  const model = { path, id: MODEL_ID, root };
  const options: MeshOptions = {
    directory,
    model,
    providers,
    beacon,
    ...(timings && { timings }),
    ...(relay && { relay }),
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  const crashes: string[] = [];
  const mesh = await startMesh({ ...options, ports, isLasting: true }, { onCrash: (detail) => crashes.push(detail) });
  const links = await openLinks();
  const stop = async (): Promise<void> => {
    links.close();
    await mesh.stop();
    restore();
    rmSync(directory, { recursive: true, force: true });
    if (crashes.length > 0) throw new Error(`daemons ended by themselves: ${crashes.join('; ')}`);
  };
  try {
    const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
    const trust = await readTrust(chain, { mesh, models: { id: MODEL_ID, sold: { modelRoot: root } } });
    const members = listMembers(mesh, { cheat: 'none' }).map((member) => withBond(member, trust));
    const before = await readBooks(chain, members);
    const replies: AskedReply[] = [];
    let asked = 0;
    let aheadMs = 0;
    const signalDaemon = (name: string, signal: 'SIGSTOP' | 'SIGCONT'): void => {
      if (!signalProcess(findProcess(directory, name), signal)) throw new Error(`${name} is gone`);
    };
    const isServed = async (): Promise<boolean> => (await countProviders(mesh.plan.gatewayUrl, MODEL_ID)) >= providers;
    if (!(await waitUntil(isServed, PATIENCE_MS))) throw new Error('the providers are not on offer');
    return {
      mesh,
      model: { id: MODEL_ID, modelRoot: root },
      chain,
      trust,
      links,
      members,
      replies,
      async ask(prompt) {
        const planned = planRequest(++asked, MAX_TOKENS);
        const request = prompt === undefined ? planned : { ...planned, prompt };
        const reply = await ask(request, { gatewayUrl: mesh.plan.gatewayUrl, model: MODEL_ID });
        replies.push(reply);
        return reply;
      },
      signalChain: (signal) => signalDaemon('chain', signal),
      signalDaemon,
      signalEngine(provider, signal) {
        const [engine] = listChildren(findProcess(directory, provider).pid);
        if (engine === undefined) throw new Error(`${provider} has no engine`);
        process.kill(engine, signal);
      },
      async setAhead(ms) {
        writeFileSync(clockFile, String(ms));
        aheadMs = ms;
        await delay(1_000);
      },
      nowMs: () => Date.now() + aheadMs,
      async readRun() {
        const completed = await completeAll(mesh.plan.gatewayUrl, replies);
        // The validators have made the key of the beacon since.
        const known = await readTrust(chain, { mesh, models: { id: MODEL_ID, sold: { modelRoot: root } } });
        return readRun({
          chain,
          links,
          members,
          replies: completed,
          before,
          trust: known,
          nowMs: Date.now() + aheadMs,
        });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function findProcess(directory: string, name: string): ProcessIdentity {
  const identity = readMeshState(directory)?.processes.find((process) => process.name === name)?.identity;
  if (identity === undefined) throw new Error(`${name} does not run`);
  return identity;
}

function listChildren(parent: number): number[] {
  const pairs = platform() === 'linux' ? readParents() : askForParents();
  return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid);
}

function readParents(): [pid: number, ppid: number][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid): [number, number][] => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // State and parent follow the name in brackets, and the name may contain anything (proc(5)).
        const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return [[Number(pid), Number(ppid)]];
      } catch {
        // The process ended meanwhile.
        return [];
      }
    });
}

function askForParents(): [pid: number, ppid: number][] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  return rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
}

/** Sets variables of this process, which daemons inherit. @returns a function that restores them. */
function setEnvironment(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map((name): [string, string | undefined] => [name, process.env[name]]);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

interface Reading extends Pick<TestMesh, 'chain' | 'links' | 'members' | 'replies'> {
  readonly before: Books;
  readonly trust: Trust;
  readonly nowMs: number;
}

/** Fetches few receipts at once, because a gateway closes connections beyond its limit. */
async function completeAll(gatewayUrl: string, replies: readonly AskedReply[]): Promise<AskedReply[]> {
  const completed: AskedReply[] = [];
  for (let at = 0; at < replies.length; at += RECEIPTS_AT_ONCE) {
    const some = replies.slice(at, at + RECEIPTS_AT_ONCE);
    completed.push(...(await Promise.all(some.map((reply) => completeReceipts(gatewayUrl, reply, 0)))));
  }
  return completed;
}

async function readRun({ chain, links, members, replies, before, trust, nowMs }: Reading): Promise<RunRecord> {
  const [{ logs }, history, after, { shares }] = await Promise.all([
    readVerdictLogs(members, { chain, links, crypto }),
    readHistory(chain, members, crypto),
    readBooks(chain, members),
    chain.parameters(),
  ]);
  return {
    crypto,
    trust,
    cheat: 'none',
    members,
    replies,
    probes: [],
    cheatProof: undefined,
    logs,
    ...history,
    books: { before, after },
    shares: toFeeShares(shares),
    firstAfterEjection: undefined,
    chaos: undefined,
    failover: undefined,
    reach: undefined,
    tests: [],
    nowMs,
  };
}
