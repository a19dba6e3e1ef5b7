import { toHex } from '@ogong/protocol/base/bytes';
import { systemClock } from '../time/clock.ts';
import type { SpanPlace } from './trace-context.ts';

export type StepAttributes = Readonly<Record<string, string | number | boolean>>;

/** One step of a reply's life, as the daemon saw it. It holds no text: names, counts, times, addresses and codes alone. */
export interface ReplyStep {
  /** 32 hexadecimal digits. */
  readonly replyId: string;
  readonly name: string;
  /** By the clock of this daemon. */
  readonly startMs: number;
  readonly endMs: number;
  /** Code of the failure. */
  readonly failure?: string;
  readonly attributes: StepAttributes;
  /** Whether the other steps of the reply belong to this one. */
  readonly isWhole?: boolean;
  /** The trace of the program that asked. */
  readonly caller?: SpanPlace;
  /** Another trace, of 32 hexadecimal digits, that this step caused. */
  readonly linked?: string;
}

export interface StepDetails {
  /** Default: now, for a step that took no time. */
  readonly startMs?: number;
  readonly failure?: string | undefined;
  readonly attributes?: StepAttributes;
  readonly isWhole?: boolean;
  readonly caller?: SpanPlace | undefined;
  readonly linked?: string | undefined;
}

/** The steps of the newest replies: in memory, bounded, and gone with the daemon. */
export interface ReplySteps {
  /** Notes a step that ends now. @param replyId 16 bytes, or their hexadecimal digits. Another length is ignored. */
  add(replyId: Uint8Array | string, name: string, details?: StepDetails): void;
  /** Runs a step and notes how it ended. @param describe returns the fields that its result adds. */
  run<T>(
    replyId: Uint8Array | string,
    name: string,
    work: () => Promise<T>,
    describe?: (result: T) => StepDetails,
  ): Promise<T>;
  /** In the order in which they ended. */
  find(replyId: string): readonly ReplyStep[];
  /** Ids of the newest replies, the newest first. */
  newest(): readonly string[];
  /** Calls the listener with each step. @returns a function that ends it. */
  subscribe(listener: (step: ReplyStep) => void): () => void;
}

const MAX_REPLIES = 1_000;
const MAX_STEPS = 64;
const REPLY_ID = /^[0-9a-f]{32}$/;
const CODE = /^[a-z][a-z0-9_-]{0,39}$/;

export function createReplySteps({ nowMs } = systemClock): ReplySteps {
  const replies = new Map<string, ReplyStep[]>();
  const listeners = new Set<(step: ReplyStep) => void>();

  function add(given: Uint8Array | string, name: string, details: StepDetails = {}): void {
    const replyId = typeof given === 'string' ? given : toHex(given);
    if (!REPLY_ID.test(replyId)) return;
    const endMs = nowMs();
    const { startMs = endMs, attributes = {}, failure, isWhole, caller, linked } = details;
    const step = {
      ...{ replyId, name, startMs: Math.min(startMs, endMs), endMs, attributes },
      ...(failure !== undefined && { failure }),
      ...(isWhole && { isWhole }),
      ...(caller && { caller }),
      ...(linked !== undefined && { linked }),
    };
    keep(step);
    for (const listener of listeners) listener(step);
  }

  function keep(step: ReplyStep): void {
    const known = replies.get(step.replyId);
    if (known) {
      if (known.length < MAX_STEPS) known.push(step);
      return;
    }
    replies.set(step.replyId, [step]);
    if (replies.size <= MAX_REPLIES) return;
    const [oldest] = replies.keys();
    replies.delete(oldest as string);
  }

  return {
    add,
    async run(replyId, name, work, describe = () => ({})) {
      const startMs = nowMs();
      try {
        const result = await work();
        add(replyId, name, { startMs, ...describe(result) });
        return result;
      } catch (error) {
        add(replyId, name, { startMs, failure: nameFailure(error) });
        throw error;
      }
    },
    find: (replyId) => replies.get(replyId) ?? [],
    newest: () => [...replies.keys()].reverse(),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Returns the code of an error, not its message: a message may quote a stranger's text. */
export function nameFailure(error: unknown): string {
  const { code, refusal } = (error ?? {}) as { readonly code?: unknown; readonly refusal?: unknown };
  const found = [refusal, code].find((one) => typeof one === 'string' && CODE.test(one));
  return (found as string | undefined) ?? 'failed';
}
