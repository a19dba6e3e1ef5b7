import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ChainError } from '@ogong/chain/errors';
import { type BytesLike, toAddress } from '@ogong/chain/hex';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { findFreePorts, isPortFree } from './free-port.ts';

export const devChainId = 31_337;

/** A start takes a second, and many on a machine that is busy. */
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const stateIntervalSeconds = 5;

/** A reader of the last block may get its answer some blocks later. */
const NEWEST_STATES = 400;

export interface DevChainOptions {
  /** Default: a free port. */
  readonly port?: number;
  /** Default: 127.0.0.1. A client that reaches the port owns the chain. */
  readonly host?: string;
  /** Default: devChainId. Another one to rehearse a chain of that number. */
  readonly chainId?: number;
  /** Default: 250. */
  readonly blockTimeMs?: number;
  /** File that keeps the chain over restarts; without it the chain is gone when it stops. */
  readonly statePath?: string;
  /** Default: true. Without it only the newest blocks can be asked about, and blocks by the thousand write no gigabytes. */
  readonly keepsStates?: boolean;
}

export interface DevChain {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly port: number;
  readonly pid: number;
  /** Gives an account native coin to pay gas with. */
  setBalance(address: BytesLike, wei: bigint): Promise<void>;
  /** From now on a block comes in this time. Whole seconds. */
  setBlockTime(seconds: number): Promise<void>;
  /** Makes more blocks during work that waits for one after the other. @returns its result */
  hurry<T>(work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Starts anvil on this machine. Blocks come at a fixed interval only: with automatic mining anvil loses transactions
 * that arrive at the same time. It has no funded accounts; see {@link DevChain.setBalance}.
 * @throws ChainError 'dev-chain' when the binary is missing, exits early or does not answer.
 */
export async function startDevChain(options: DevChainOptions = {}): Promise<DevChain> {
  const host = options.host ?? '127.0.0.1';
  const port = await choosePort(host, options.port ?? 0);
  const rpcUrl = `http://${host}:${port}`;
  const chainId = options.chainId ?? devChainId;
  const args = ['--host', host, '--port', String(port), '--chain-id', String(chainId)];
  args.push('--block-time', String((options.blockTimeMs ?? 250) / 1000), '--accounts', '0', '--quiet');
  args.push('--enable-tx-gas-limit', '--no-request-size-limit');
  // Anvil writes each older block's state to the disk, some gigabytes in an hour of a large network. It leaves the files there when it is
  // killed.
  const historyPath = options.statePath
    ? `${options.statePath}-history`
    : join(tmpdir(), `ogong-chain-history-${randomUUID()}`);
  const dropHistory = () => rmSync(historyPath, { recursive: true, force: true, maxRetries: 3 });
  // If this process was killed, too, its history is still there.
  dropHistory();
  makePrivateDirectory(historyPath);
  args.push('--cache-path', historyPath);
  if (options.keepsStates === false) args.push('--prune-history', String(NEWEST_STATES));
  if (options.statePath) {
    keepPrevious(options.statePath);
    args.push('--state', options.statePath, '--state-interval', String(stateIntervalSeconds));
  }
  const [command, ...rest] = tieToParent([findAnvil(), ...args]);
  // A group of its own: Ctrl-C in a terminal must not stop the chain before the daemons that use it.
  const detached = process.platform !== 'win32';
  const child = spawn(command as string, rest, { stdio: ['ignore', 'ignore', 'pipe'], detached });
  const errors = collectErrors(child);
  const killOnExit = () => {
    child.kill('SIGKILL');
    dropHistory();
  };
  process.once('exit', killOnExit);
  child.once('exit', () => {
    process.off('exit', killOnExit);
    dropHistory();
  });
  try {
    await waitUntilReady({ rpcUrl, chainId }, child, errors);
  } catch (error) {
    killOnExit();
    throw error;
  }
  return {
    rpcUrl,
    chainId,
    port,
    pid: child.pid as number,
    setBalance: (address, wei) => setDevBalance(rpcUrl, address, wei),
    setBlockTime: async (seconds) => void (await callRpc(rpcUrl, 'evm_setIntervalMining', [seconds])),
    hurry: (work) => hurry(rpcUrl, work),
    stop: () => stopProcess(child),
  };
}

const HURRIED_BLOCK_MS = 20;

async function hurry<T>(rpcUrl: string, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const mining = (async () => {
    while (!over.signal.aborted) {
      await callRpc(rpcUrl, 'evm_mine', []);
      await delay(HURRIED_BLOCK_MS, undefined, over);
    }
    // After a failure or its end, blocks come at their interval.
  })().catch(() => undefined);
  try {
    return await work();
  } finally {
    over.abort();
    await mining;
  }
}

/** Gives an account of a dev chain native coin, from any process that reaches the chain. */
export async function setDevBalance(rpcUrl: string, address: BytesLike, wei: bigint): Promise<void> {
  await callRpc(rpcUrl, 'anvil_setBalance', [toAddress(address, 'address'), `0x${wei.toString(16)}`]);
}

const SETPRIV = '/usr/bin/setpriv';

/** Returns the command so that Linux ends it with this process, even after SIGKILL. Elsewhere `ogong mesh down` ends it. */
function tieToParent(command: readonly string[]): readonly string[] {
  return process.platform === 'linux' && existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'INT', ...command] : command;
}

/** Path of the binary in the platform's own package, since install scripts may be off. */
function findAnvil(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${architecture}`;
  try {
    // The platform packages are dependencies of @foundry-rs/anvil, which may hold them in its own node_modules.
    const anvil = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'));
    return anvil.resolve(`${name}/bin/anvil${process.platform === 'win32' ? '.exe' : ''}`);
  } catch (cause) {
    throw new ChainError('dev-chain', `the package ${name} is not installed; run npm install, or use another chain`, {
      cause,
    });
  }
}

/** Anvil rewrites its state in place, so a crash can leave half a file: the last one that was whole is kept beside it. */
function keepPrevious(statePath: string): void {
  if (!existsSync(statePath)) return;
  const previous = `${statePath}.previous`;
  try {
    JSON.parse(readFileSync(statePath, 'utf8'));
    copyFileSync(statePath, previous);
  } catch (cause) {
    if (!existsSync(previous)) {
      throw new ChainError('dev-chain', `${statePath} is damaged and has no earlier copy; delete it to start afresh`, {
        cause,
      });
    }
    copyFileSync(previous, statePath);
  }
}

function collectErrors(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-2_000);
  });
  child.once('error', (error) => {
    text += error.message;
  });
  return () => text.trim();
}

async function waitUntilReady(
  { rpcUrl, chainId }: Pick<DevChain, 'rpcUrl' | 'chainId'>,
  child: ChildProcess,
  errors: () => string,
): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.pid === undefined) {
      throw new ChainError('dev-chain', `anvil stopped while starting: ${errors() || `exit code ${child.exitCode}`}`);
    }
    try {
      if (Number(await callRpc(rpcUrl, 'eth_chainId', [])) === chainId) return;
    } catch {
      // Not listening yet: the deadline, or the child's exit above, ends the wait.
    }
    await delay(20);
  }
  throw new ChainError('dev-chain', `anvil did not answer on ${rpcUrl} within ${readyTimeoutMs / 1000} s`);
}

async function callRpc(rpcUrl: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  try {
    const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (answer.error) throw new Error(answer.error.message);
    return answer.result;
  } catch (cause) {
    throw new ChainError('rpc-unreachable', `${method} on ${rpcUrl} failed`, { cause });
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  // Anvil writes its state on an interrupt.
  child.kill('SIGINT');
  await gone;
  clearTimeout(timer);
}

/** The wanted port if it is free, or any for 0. On a taken port the answer to the first call would be someone else's. */
async function choosePort(host: string, wanted: number): Promise<number> {
  if (wanted === 0) return (await findFreePorts(1, host))[0] as number;
  if (await isPortFree(wanted, host)) return wanted;
  throw new ChainError('dev-chain', `cannot listen on ${host}:${wanted}: stop what runs there, or choose another port`);
}
