import type { ChainClient } from '@ogong/chain/client';
import type { Wire } from '@ogong/host/link/wire';
import type { Logger } from '@ogong/host/log/logger';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createLedger, type Ledger, type LedgerOptions } from '../chain/ledger.ts';
import { type ChainWeather, createSimulatedClient } from '../chain/simulated-chain.ts';
import { createNetwork, type SimulatedNetwork } from '../network/network.ts';
import { createSimulatedWeb, type SimulatedWeb } from '../network/simulated-web.ts';
import { createSimulatedWire } from '../network/simulated-wire.ts';
import { useCheapCrypto } from './cheap-crypto.ts';
import { createDraws } from './draws.ts';
import { type Interception, intercept } from './intercept.ts';
import { createMachine, type Machine, type MachineOptions } from './process.ts';
import { createTrace, type Trace } from './trace.ts';
import { createVirtualTime, type Owner, START_MS, type VirtualTime } from './virtual-time.ts';

/** A broken invariant and its time. */
export interface Violation {
  /** A short name that identifies the invariant across runs. */
  readonly invariant: string;
  readonly detail: string;
  readonly atMs: number;
}

/** The whole environment of the programs, made from one seed. */
export interface World {
  readonly seed: number;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly crypto: Crypto;
  readonly network: SimulatedNetwork;
  readonly wire: Wire;
  readonly web: SimulatedWeb;
  readonly ledger: Ledger;
  readonly chainWeather: ChainWeather;
  readonly violations: readonly Violation[];
  connectChain(account: Uint8Array): ChainClient;
  logOf(name: string): Logger;
  addMachine<R>(options: MachineOptions<R>): Machine<R>;
  violate(invariant: string, detail: string): void;
  /** The most that any process had planned, and that calls of all were open. */
  readonly peaks: { readonly planned: number; readonly calls: number };
  /** Lets virtual time pass until then, or until an invariant is broken. @param check called after each step. */
  runUntil(untilMs: number, check: () => void): Promise<void>;
  close(): void;
}

export interface SimulatedWorldOptions
  extends Pick<LedgerOptions, 'beaconPeriodS' | 'alphaPpm' | 'timedRate' | 'canaryRate' | 'holding'> {
  readonly seed: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** Most pending timers and answers of one process, without cancelled ones. */
const MAX_PLANNED = 20_000;

export function createSimulatedWorld({ seed, onLine, ...chain }: SimulatedWorldOptions): World {
  const draws = createDraws(seed);
  const time = createVirtualTime(draws);
  const trace = createTrace(time, onLine);
  const crypto = useCheapCrypto();
  const network = createNetwork({ seed }, { time, trace });
  const wire = createSimulatedWire(network, time);
  const web = createSimulatedWeb(network, time);
  const ledger = createLedger({ crypto, nowMs: time.nowMs, wallMs: () => START_MS + time.nowMs(), ...chain });
  const chainWeather: ChainWeather = { isStalled: false, isMute: false, mostDelayMs: 60 };
  const violations: Violation[] = [];
  const machines: Machine[] = [];
  const peaks = { planned: 0, calls: 0 };
  const interception: Interception = intercept(time, seed, web.fetch);

  function violate(invariant: string, detail: string): void {
    if (violations.some((one) => one.invariant === invariant)) return;
    violations.push({ invariant, detail, atMs: time.nowMs() });
    trace.note('INVARIANT', `${invariant}: ${detail}`);
  }

  const onRejection = (reason: unknown): void =>
    violate('no-unhandled-rejection', reason instanceof Error ? (reason.stack ?? reason.message) : String(reason));
  process.on('unhandledRejection', onRejection);

  function logOf(name: string): Logger {
    const write = (level: string) => (fields: unknown, message?: string) => {
      if (level === 'debug' || level === 'trace') return;
      const { err } = (typeof fields === 'object' && fields !== null ? fields : {}) as { err?: unknown };
      const text = message ?? (typeof fields === 'string' ? fields : '');
      trace.note(name, `${level}: ${text}${err instanceof Error ? `: ${describe(err)}` : ''}`);
    };
    return Object.fromEntries(LEVELS.map((level) => [level, write(level)])) as unknown as Logger;
  }

  function watchSize(owner: Owner | undefined): void {
    const planned = owner === undefined ? 0 : time.sizeOf(owner);
    peaks.planned = Math.max(peaks.planned, planned);
    peaks.calls = Math.max(peaks.calls, network.open());
    if (planned > MAX_PLANNED) violate('bounded-work', `${owner?.name} has planned ${planned}`);
  }

  return {
    ...{ seed, time, trace, crypto, network, wire, web, ledger, chainWeather, violations, violate, logOf, peaks },
    connectChain: (account) => createSimulatedClient(ledger, account, { time, draws, trace, weather: chainWeather }),
    addMachine(options) {
      const onFailure = (name: string, error: unknown) => violate('every-daemon-starts', `${name}: ${describe(error)}`);
      const machine = createMachine(options, { time, trace, onFailure });
      machines.push(machine);
      return machine;
    },
    violate,
    async runUntil(untilMs, check) {
      await interception.turn();
      while (violations.length === 0 && time.step(untilMs)) {
        await interception.turn();
        check();
        watchSize(time.last());
      }
    },
    close() {
      process.off('unhandledRejection', onRejection);
      interception.restore();
      for (const { disk } of machines) disk.close();
    },
  };
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` (${describe(error.cause)})`;
  return `${error.name}: ${error.message}${cause}`;
}
