import { toHex } from '@ogong/protocol/base/bytes';
import { listDueHoneypots } from '../store/honeypot-store.ts';
import { listDueAsks } from '../store/replies/opening-store.ts';
import { hasOpenReply, listAuditedPayees, listAudits, listExpired, listReplies } from '../store/replies/reply-store.ts';
import { askHoneypot } from './ask-honeypot.ts';
import { type AuditDependencies, type AuditOptions, type AuditState, openAuditState } from './audit-state.ts';
import type { AuditTurns } from './audit-turns.ts';
import { conductAudit, resumeWaiting } from './conduct-audit.ts';
import { contestDelivery, listDueContests } from './contest-delivery.ts';
import { selectReplies } from './select-replies.ts';

export interface Audit {
  /**
   * Selects replies, starts audits while there are free places, and ends replies that were never delivered. Resolves
   * when the decisions are durable, not when the audits end.
   */
  tick(): Promise<void>;
  /** Resolves when no audit is running. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const PER_TICK = 256;
/** Undelivered replies watched at a time, the oldest first. */
const MAX_EXPIRED = 4_096;

/** Audits replies. After a restart each audit continues where it was. */
export function createAudit(options: AuditOptions, dependencies: AuditDependencies): Audit {
  const state = openAuditState(options, dependencies);
  return {
    async tick() {
      if (state.store.read(hasOpenReply)) {
        await decideAll(state);
        startAudits(state);
      }
      startHoneypots(state);
    },
    async idle() {
      for (let work = listWork(state); work.length > 0; work = listWork(state)) await Promise.all(work);
    },
    async stop() {
      state.stopping.abort();
      await Promise.all(listWork(state));
    },
  };
}

/** Selects replies, which needs no verifier, and asks for replies that were never delivered. */
async function decideAll(state: AuditState): Promise<void> {
  const { clock, store, listAbandoned, places } = state;
  const { recorded, expired } = store.read(() => ({
    recorded: listReplies(store, 'recorded', PER_TICK),
    expired: listExpired(store, clock.nowMs(), MAX_EXPIRED),
  }));
  for (const replyId of listDueContests(state, listAbandoned(expired))) {
    startWork(state, places.contests, { key: toHex(replyId), replyId, run: () => contestDelivery(state, replyId) });
  }
  await Promise.all([selectReplies(state, recorded), resumeWaiting(state, PER_TICK)]);
}

function startAudits(state: AuditState): void {
  const { clock, store, concurrency, places } = state;
  const { running, again, turns } = places;
  const nowMs = clock.nowMs();
  startInTurn(state, {
    ...{ taken: again, turns: turns.again },
    count: Math.max(1, Math.floor(concurrency / 2)),
    list: (payee, limit) => [
      ...listDueAsks(store, nowMs, { payee, limit }),
      ...listAudits(store, nowMs, { payee, isAgain: true, limit }),
    ],
  });
  startInTurn(state, {
    ...{ taken: running, turns: turns.running },
    count: concurrency,
    list: (payee, limit) => listAudits(store, nowMs, { payee, isAgain: false, limit }),
  });
}

/** One kind of places. */
interface PlaceKind {
  /** Running audits, by the hex id of their reply. */
  readonly taken: Map<string, Promise<void>>;
  readonly turns: AuditTurns;
  readonly count: number;
  /** Lists due audits of a payee, the first one first. */
  readonly list: (payee: Uint8Array, limit: number) => readonly Uint8Array[];
}

/** Starts audits while there are free places. Each place goes to the payee whose turn it is. */
function startInTurn(state: AuditState, { taken, turns, count, list }: PlaceKind): void {
  const { store, stopping, places } = state;
  const { running, again } = places;
  if (taken.size >= count || stopping.signal.aborted) return;
  const isFree = (replyId: Uint8Array): boolean => !running.has(toHex(replyId)) && !again.has(toHex(replyId));
  const waiting = new Map(store.read(() => listAuditedPayees(store)).map((payee) => [toHex(payee), payee]));
  while (taken.size < count && waiting.size > 0) {
    const name = turns.choose([...waiting.keys()], taken);
    // One reply more than those that already have a place.
    const limit = running.size + again.size + 1;
    const replyId = store.read(() => list(waiting.get(name) as Uint8Array, limit)).find(isFree);
    if (replyId === undefined) {
      waiting.delete(name);
      continue;
    }
    const key = toHex(replyId);
    startWork(state, taken, { key, replyId, run: () => conductAudit(state, replyId) });
    turns.note(name, key);
  }
}

function startHoneypots(state: AuditState): void {
  const { clock, store, honeypots, places } = state;
  const { traps } = places;
  for (const row of store.read(() => listDueHoneypots(store, clock.nowMs(), PER_TICK))) {
    startWork(state, traps, { key: toHex(row.id), replyId: row.replyId, run: () => askHoneypot(honeypots, row) });
  }
}

/** Runs one piece of work per key at a time. A failed one starts again at a later tick. */
export function startWork(
  { stopping, onError }: Pick<AuditState, 'stopping' | 'onError'>,
  taken: Map<string, Promise<void>>,
  { key, replyId, run }: { readonly key: string; readonly replyId: Uint8Array; readonly run: () => Promise<void> },
): void {
  const { signal } = stopping;
  if (taken.has(key) || signal.aborted) return;
  const work = run()
    .catch((error: unknown) => {
      if (!signal.aborted) onError(error, replyId);
    })
    .finally(() => taken.delete(key));
  taken.set(key, work);
}

function listWork({ places }: AuditState): Promise<void>[] {
  return [...places.running.values(), ...places.again.values(), ...places.traps.values(), ...places.contests.values()];
}
