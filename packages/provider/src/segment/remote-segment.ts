import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, SegmentPass } from '@ogong/engine/interface/segment';
import { formatHostPort, type HostPort } from '@ogong/host/config/values';
import { createLinkClient } from '@ogong/host/link/link-client';
import { LinkError, toLinkError } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { monotonicClock } from '@ogong/host/time/clock';
import { SegmentService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createCallsInOrder } from './calls-in-order.ts';
import { LEAD_MS } from './segment-server.ts';
import {
  encodePass,
  LEAD_BYTES,
  MAX_PASS_BYTES,
  type MachineSegment,
  MESSAGE_ROOM,
  readFacts,
  readRows,
  type SegmentRange,
} from './segment-wire.ts';

export interface RemoteSegmentOptions {
  readonly endpoint: HostPort;
  /** Identity of all machines of this owner, which the other machine has to show. */
  readonly identity: LinkIdentity;
  /** How long the first connection is tried. Default: 60 s. */
  readonly openTimeoutMs?: number;
  /** How long a lost connection is tried again, once a pass needs it. Default: 10 s. */
  readonly reconnectTimeoutMs?: number;
  /** Default: 10 min. */
  readonly passTimeoutMs?: number;
  readonly onProgress?: (progress: ConnectingProgress) => void;
  /** Ends the first connection. */
  readonly signal?: AbortSignal;
}

export interface ConnectingProgress {
  /** The machine's address. */
  readonly machine: string;
  readonly state: 'connecting' | 'waiting' | 'connected';
  /** Why it waits. */
  readonly reason?: string;
}

/** A segment on another machine of this owner. */
export interface RemoteSegment extends SegmentEngine {
  /** The machine's address. */
  readonly machine: string;
  readonly range: SegmentRange;
}

interface Lead {
  readonly id: Uint8Array;
  readonly segment: MachineSegment;
  readonly end: () => void;
}

const FIRST_PAUSE_MS = 200;
const MOST_PAUSE_MS = 2000;

/**
 * Takes the lead of a segment on another machine. If the link is lost, all sequences that had rows there are lost: their passes fail with
 * `engine-crashed` until they are dropped. The next pass connects again.
 * @throws EngineError that names the machine and the remedy.
 */
export async function openRemoteSegment(options: RemoteSegmentOptions): Promise<RemoteSegment> {
  const { endpoint, identity, openTimeoutMs = 60_000, reconnectTimeoutMs = 10_000, passTimeoutMs = 600_000 } = options;
  const { onProgress = () => {}, signal } = options;
  const machine = formatHostPort(endpoint);
  const client = createLinkClient({
    ...{ endpoint, identity, certHash: identity.id },
    limits: { maxMessageBytes: MAX_PASS_BYTES + MESSAGE_ROOM },
  });
  const service = client.service(SegmentService);
  const leader = new Uint8Array(randomBytes(LEAD_BYTES));
  const inOrder = createCallsInOrder();
  /** Sequences with rows on the other machine. */
  const filled = new Set<number>();
  /** Sequences whose rows are gone. */
  const lost = new Set<number>();
  let current: Lead | undefined;
  let isClosed = false;

  function lose(lead: Lead): void {
    if (current !== lead) return;
    current = undefined;
    lead.end();
    for (const sequence of filled) lost.add(sequence);
    filled.clear();
  }

  async function take(): Promise<Lead> {
    const ending = new AbortController();
    const events = service.lead({ leader }, { signal: ending.signal, timeoutMs: LEAD_MS })[Symbol.asyncIterator]();
    const first = await events.next();
    if (first.done) throw new LinkError('remote', 'the machine named no segment');
    try {
      const segment = readFacts(first.value);
      const lead: Lead = { id: first.value.lead, segment, end: () => ending.abort() };
      current = lead;
      const lost = (): void => lose(lead);
      // The stream has no second message. Its end is that of the lead.
      events.next().then(lost, lost);
      return lead;
    } catch (error) {
      ending.abort();
      throw new EngineError(
        'unsupported-model',
        `${machine} serves no segment of a model: ${(error as Error).message}`,
      );
    }
  }

  async function connect(timeoutMs: number): Promise<Lead> {
    const startMs = monotonicClock.nowMs();
    onProgress({ machine, state: 'connecting' });
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
      try {
        const lead = await take();
        onProgress({ machine, state: 'connected' });
        return lead;
      } catch (reason) {
        if (reason instanceof EngineError) throw reason;
        const error = toLinkError(reason);
        const isLate = monotonicClock.nowMs() - startMs + pauseMs > timeoutMs;
        if (isLate || !error.retryable || signal?.aborted === true || isClosed) throw explain(error, machine);
        onProgress({ machine, state: 'waiting', reason: error.message });
        await delay(pauseMs);
      }
    }
  }

  const { segment: opened } = await connect(openTimeoutMs).catch((error: unknown) => {
    client.close();
    throw error;
  });
  const known = JSON.stringify(opened);

  async function findLead(): Promise<Lead> {
    const lead = current ?? (await connect(reconnectTimeoutMs));
    if (JSON.stringify(lead.segment) === known) return lead;
    lose(lead);
    throw new EngineError(
      'unsupported-model',
      `${machine} serves another segment than before; start this program again`,
    );
  }

  function assertUsable(sequences: readonly number[]): void {
    if (isClosed) throw new EngineError('engine-closed', 'the segment is closed');
    if (sequences.some((sequence) => lost.has(sequence)))
      throw new EngineError(
        'engine-crashed',
        `the link to ${machine} was lost, and the rows of this reply with it; ask again`,
        {
          retryable: true,
        },
      );
  }

  /** @throws EngineError; the sequences are lost then, unless the other machine refused the call. */
  async function call<T>(sequences: readonly number[], run: (lead: Lead) => Promise<T>): Promise<T> {
    const lead = await findLead();
    try {
      return await run(lead);
    } catch (reason) {
      const error = toLinkError(reason);
      const isRefused = error.refusal === 'invalid' || error.refusal === 'unsupported';
      if (!isRefused) for (const sequence of sequences) lost.add(sequence);
      // A call without an answer may still be running there. The end of the lead drops its rows.
      if (error.code !== 'remote' || error.refusal === 'precondition') lose(lead);
      throw explain(error, machine);
    }
  }

  return {
    machine,
    range: opened.range,
    info: () => opened.info,
    run: (pass: SegmentPass) =>
      inOrder(async () => {
        const sequences = pass.groups.map(({ sequence }) => sequence);
        assertUsable(sequences);
        return call(sequences, async (lead) => {
          for (const sequence of sequences) filled.add(sequence);
          const count = pass.groups.reduce((sum, { rows }) => sum + rows, 0);
          const answer = await service.run(encodePass(pass, lead.id), { timeoutMs: passTimeoutMs });
          return { kind: 'rows' as const, rows: readAnswer(answer.rows, count) };
        });
      }),
    drop: (sequence, position) =>
      inOrder(async () => {
        if (position === 0) lost.delete(sequence);
        // A lost sequence has no rows there.
        if (isClosed || lost.has(sequence) || !filled.has(sequence)) return;
        if (position === 0) filled.delete(sequence);
        // The other machine has dropped everything if there is no lead.
        const lead = current;
        if (lead === undefined) return;
        await call([sequence], () => service.drop({ lead: lead.id, sequence, position }, { timeoutMs: passTimeoutMs }));
      }),
    async close() {
      isClosed = true;
      if (current !== undefined) lose(current);
      client.close();
    },
  };

  function readAnswer(bytes: Uint8Array, rows: number): Float32Array {
    try {
      return readRows(bytes, rows, opened.info);
    } catch (cause) {
      throw new LinkError('remote', `it answered no rows: ${(cause as Error).message}`, { cause });
    }
  }
}

/** Says which machine failed, and what its owner can do. */
function explain(error: LinkError, machine: string): EngineError {
  const { code, refusal, message, retryable } = error;
  const make = (engineCode: EngineError['code'], text: string): EngineError =>
    new EngineError(engineCode, text, { cause: error, retryable });
  if (code === 'wrong-certificate' || code === 'unauthorized')
    return make(
      'unsupported-model',
      `${machine} has another machines key; copy the file machines.key from one of your machines to the others`,
    );
  if (refusal === 'invalid') return make('invalid-request', `${machine}: ${message}`);
  if (refusal === 'unsupported') return make('unsupported-model', `${machine}: ${message}`);
  if (code === 'remote') return make('engine-crashed', `${machine}: ${message}`);
  return make(
    'engine-crashed',
    `${machine}: ${message}; check that ogong-provider segment runs there and listens on this address`,
  );
}
