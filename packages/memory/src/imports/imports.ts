import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { MemoryError } from '../memory-error.ts';
import type { MemoryService } from '../memory-service.ts';
import type { ImportedConversation } from './conversation.ts';
import { cutCalls } from './cut-calls.ts';

export type ImportState = 'queued' | 'running' | 'done' | 'failed';

export interface ImportStatus {
  readonly id: string;
  readonly source: string;
  readonly state: ImportState;
  readonly calls: number;
  readonly callsDone: number;
  readonly memoriesCreated: number;
  readonly refused: number;
  readonly duplicates: number;
  /** Of `failed`, without texts. */
  readonly error: string | undefined;
}

export interface ImportOrder {
  readonly user: string;
  readonly service: MemoryService;
  readonly source: string;
  readonly agentId: string;
  readonly conversations: readonly ImportedConversation[];
}

export interface Imports {
  /** Call it before a file is read that takes long. @throws MemoryError `busy`, as start does */
  assertRoom(user: string): void;
  /**
   * Begins an import. The statuses are in memory alone: after a restart the same import goes on, because known calls store nothing.
   * @param explain words a failure for the user. @returns its status, and its end, which never rejects.
   */
  start(
    order: ImportOrder,
    options: { readonly signal: AbortSignal; readonly explain: (error: unknown) => string },
  ): { readonly status: ImportStatus; readonly ended: Promise<ImportStatus> };
  get(user: string, id: string): ImportStatus | undefined;
  list(user: string): readonly ImportStatus[];
}

/** Imports that run, and that wait, of all users. */
export const SLOTS = 2;
export const MAX_WAITING = 8;
/** Of one user, running or waiting. */
export const MAX_OPEN_IMPORTS = 3;
const PAUSES_MS = [1_000, 10_000, 60_000];
/** Statuses of all users; the oldest is forgotten for a further one. */
const MAX_KEPT = 1_000;

const isOpen = ({ state }: ImportStatus): boolean => state === 'queued' || state === 'running';

/** @param pausesMs before each further try of a call. */
export function createImports(pausesMs: readonly number[] = PAUSES_MS): Imports {
  const queue = createJobQueue({ slots: SLOTS, maxWaiting: MAX_WAITING });
  const kept = new Map<string, { readonly user: string; status: ImportStatus }>();
  let open = 0;

  function keep(user: string, status: ImportStatus): void {
    kept.set(status.id, { user, status });
    for (const [id, one] of kept) {
      if (kept.size <= MAX_KEPT) return;
      if (!isOpen(one.status)) kept.delete(id);
    }
  }

  function assertRoom(user: string): void {
    const own = [...kept.values()].filter((one) => one.user === user && isOpen(one.status)).length;
    if (own >= MAX_OPEN_IMPORTS || open >= SLOTS + MAX_WAITING)
      throw new MemoryError('busy', 'other imports run: try again when they have ended');
  }

  return {
    assertRoom,
    start(order, { signal, explain }) {
      const { user, source } = order;
      assertRoom(user);
      open++;
      const calls = order.conversations.flatMap(({ messages, ...conversation }) =>
        cutCalls(messages).map((part) => ({ ...conversation, messages: part })),
      );
      const status: ImportStatus = {
        ...{ id: randomUUID(), source, state: 'queued', calls: calls.length },
        ...{ callsDone: 0, memoriesCreated: 0, refused: 0, duplicates: 0, error: undefined },
      };
      keep(user, status);
      const entry = kept.get(status.id) as { status: ImportStatus };
      const change = (changes: Partial<ImportStatus>): void => {
        entry.status = { ...entry.status, ...changes };
      };
      const run = async (): Promise<void> => {
        change({ state: 'running' });
        for (const call of calls) await addCall(order, { ...call, signal, pausesMs }, change, () => entry.status);
        change({ state: 'done' });
      };
      const ended = queue
        .run(run, signal, user)
        .catch((error: unknown) => change({ state: 'failed', error: explain(error) }))
        .then(() => {
          open--;
          return entry.status;
        });
      return { status, ended };
    },
    get(user, id) {
      const found = kept.get(id);
      return found?.user === user ? found.status : undefined;
    },
    list: (user) => [...kept.values()].filter((one) => one.user === user).map(({ status }) => status),
  };
}

async function addCall(
  { user, service, agentId, source }: ImportOrder,
  {
    signal,
    pausesMs,
    ...call
  }: ImportedConversation & { readonly signal: AbortSignal; readonly pausesMs: readonly number[] },
  change: (changes: Partial<ImportStatus>) => void,
  read: () => ImportStatus,
): Promise<void> {
  const request = { agentId, source, ...call };
  const { memories, refused, duplicates } = await retry(() => service.add(user, request, signal), signal, pausesMs);
  const { callsDone, memoriesCreated, ...counts } = read();
  change({
    callsDone: callsDone + 1,
    memoriesCreated: memoriesCreated + memories.length,
    refused: counts.refused + refused.length,
    duplicates: counts.duplicates + duplicates.length,
  });
}

/** Waits while the models are busy, or the key has used up its minute. */
async function retry<T>(run: () => Promise<T>, signal: AbortSignal, pausesMs: readonly number[]): Promise<T> {
  for (const pauseMs of pausesMs) {
    signal.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      if ((error as { readonly retryable?: unknown }).retryable !== true) throw error;
      await delay(pauseMs, undefined, { signal });
    }
  }
  return run();
}
