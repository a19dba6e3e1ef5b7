import { randomBytes } from 'node:crypto';
import { EngineError, type EngineErrorCode } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { HostPort } from '@ogong/host/config/values';
import { Refusal, type RefusalCode } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkServer } from '@ogong/host/link/link-server';
import type { Logger } from '@ogong/host/log/logger';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type LeadSegmentRequest, SegmentService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createCallsInOrder } from './calls-in-order.ts';
import {
  countPassBytes,
  encodeFacts,
  encodeRows,
  LEAD_BYTES,
  MAX_PASS_BYTES,
  MESSAGE_ROOM,
  readPass,
  type SegmentRange,
} from './segment-wire.ts';

export interface SegmentServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: HostPort;
  /** Identity of all machines of this owner. No other peer is served. */
  readonly identity: LinkIdentity;
  readonly range: SegmentRange;
  /** Pause between two pings of a leader. One that misses two loses the segment. Default: 10 s. */
  readonly pingMs?: number;
}

export interface SegmentServer {
  start(): Promise<void>;
  stop(): Promise<void>;
  address(): HostPort;
}

/** A leader's time with the segment: as long as its stream. */
interface Lead {
  readonly id: Uint8Array;
  readonly leader: Uint8Array;
  readonly over: AbortController;
}

/** Longest lead. A timer of Node takes 24 days at most. */
export const LEAD_MS = 20 * 24 * 3_600_000;

/** Reasons that a leader may know. Any other failure leaves the sequences of the pass in an unknown state. */
const REFUSALS: Partial<Record<EngineErrorCode, RefusalCode>> = {
  'invalid-request': 'invalid',
  'unsupported-model': 'unsupported',
};

/**
 * Serves a segment to one leader at a time, over links of the owner's machines alone.
 * @throws EngineError if the segment ends the model, which its leader computes, or if its passes are too large for a message.
 */
export function createSegmentServer(
  { listen, identity, range, pingMs = 10_000 }: SegmentServerOptions,
  { engine, log }: { readonly engine: SegmentEngine; readonly log: Pick<Logger, 'info' | 'error'> },
): SegmentServer {
  const info = engine.info();
  if (info.place === 'last')
    throw new EngineError(
      'unsupported-model',
      'the last layers run on the machine that leads: name them there, with ogong-provider local --with',
    );
  if (countPassBytes(info) > MAX_PASS_BYTES)
    throw new EngineError('unsupported-model', `passes of ${info.passRows} rows are too large; take fewer rows`);
  const inOrder = createCallsInOrder();
  let held: Lead | undefined;

  function end(lead: Lead): void {
    if (held !== lead) return;
    held = undefined;
    lead.over.abort();
    log.info('the leader left');
    void inOrder(dropAll).catch((err: unknown) => log.error({ err }, 'the sequences of a leader are not dropped'));
  }

  async function dropAll(): Promise<void> {
    for (let sequence = 0; sequence < info.sequences; sequence++) await engine.drop(sequence, 0);
  }

  function take({ leader }: LeadSegmentRequest): Lead {
    if (leader.length !== LEAD_BYTES) throw new Refusal('invalid', `a leader has a name of ${LEAD_BYTES} bytes`);
    if (held !== undefined && !equalBytes(held.leader, leader))
      throw new Refusal('unavailable', 'another process leads this segment; stop it, or wait until its link has ended');
    // The same leader on a new link: the old one has not ended here yet.
    if (held !== undefined) end(held);
    held = { id: new Uint8Array(randomBytes(LEAD_BYTES)), leader, over: new AbortController() };
    log.info('a leader came');
    return held;
  }

  /** Runs a call of the leader, behind those before it. */
  const runFor = <T>(lead: Uint8Array, call: () => Promise<T>): Promise<T> =>
    inOrder(async () => {
      if (held === undefined || !equalBytes(held.id, lead))
        throw new Refusal('precondition', 'this lead is over, and its sequences are dropped');
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        throw new Refusal(REFUSALS[error.code] ?? 'unavailable', error.message);
      }
    });

  const server = createLinkServer(
    {
      identity,
      bind: listen,
      authorize: (peer) => equalBytes(peer, identity.id),
      isKnown: (peer) => equalBytes(peer, identity.id),
      watch: { isWatched: () => true, pingMs },
      limits: {
        maxMessageBytes: countPassBytes(info) + MESSAGE_ROOM,
        maxTimeoutMs: LEAD_MS,
        ...{ maxConnections: 64, reservedConnections: 16, maxStreamsPerConnection: 16, maxCallsPerPeer: 64 },
        // A call is a token: a small model makes thousands in a second.
        callRate: { perSecond: 100_000, burst: 100_000 },
      },
      routes: (router) =>
        router.service(SegmentService, {
          async *lead(request, { signal }) {
            const lead = take(request);
            try {
              yield encodeFacts({ info, range }, lead.id);
              await waitFor(AbortSignal.any([signal, lead.over.signal]));
            } finally {
              end(lead);
            }
          },
          run: (request) =>
            runFor(request.lead, async () => {
              const output = await engine.run(readPass(request, info));
              return { rows: output.kind === 'rows' ? encodeRows(output.rows) : new Uint8Array() };
            }),
          drop: ({ lead, sequence, position }) =>
            runFor(lead, async () => {
              await engine.drop(sequence, position);
              return {};
            }),
        }),
    },
    { onError: (err, { method }) => log.error({ err, method }, 'a call failed') },
  );
  return {
    start: () => server.start(),
    async stop() {
      if (held !== undefined) end(held);
      await server.stop(1000);
      await inOrder(() => engine.close());
    },
    address: () => server.address(),
  };
}

const waitFor = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
