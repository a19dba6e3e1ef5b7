import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { decodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import fc from 'fast-check';
import { expect } from 'vitest';
import { type ComplianceReply, collectReply, readRows } from './compliance-requests.ts';

/** One reply of a schedule. */
export interface Arrival {
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** This request is sent after this many tokens of all replies together. */
  readonly after: number;
  /** Cancelled after this many of its own tokens. */
  readonly cancelAfter: number | undefined;
  readonly number: number;
}

export const arrivals = (most: {
  readonly prompt: number;
  readonly output: number;
}): fc.Arbitrary<readonly Arrival[]> =>
  fc
    .array(
      fc.record({
        promptTokens: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: most.prompt })),
        maxTokens: fc.integer({ min: 1, max: most.output }),
        after: fc.nat({ max: 30 }),
        cancelAfter: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined, freq: 3 }),
        number: fc.nat({ max: 200 }),
      }),
      { minLength: 1, maxLength: 6 },
    )
    .map((list) => [...list].sort((a, b) => a.after - b.after));

export type ToRequest = (arrival: Arrival) => TextGenerationRequest;

/** Serves the whole schedule. If nothing runs any more, the next request is sent at once. */
export async function serveAll(
  engine: TextEngine,
  schedule: readonly Arrival[],
  toRequest: ToRequest,
): Promise<readonly ComplianceReply[]> {
  let tokens = 0;
  let running = 0;
  let wake = Promise.withResolvers<void>();
  const notify = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const serve = async (arrival: Arrival): Promise<ComplianceReply> => {
    running++;
    const stopping = new AbortController();
    let own = 0;
    const events = engine.generate(toRequest(arrival), { signal: stopping.signal });
    const counted = (async function* () {
      for await (const event of events) {
        if (event.kind === 'token') {
          tokens++;
          if (++own === arrival.cancelAfter) stopping.abort();
          notify();
        }
        yield event;
      }
    })();
    try {
      return await collectReply(counted);
    } finally {
      running--;
      notify();
    }
  };
  const replies: Promise<ComplianceReply>[] = [];
  for (const arrival of schedule) {
    while (tokens < arrival.after && running > 0) await wake.promise;
    replies.push(serve(arrival));
  }
  return Promise.all(replies);
}

export interface Turn {
  readonly request: TextGenerationRequest;
  readonly reply: ComplianceReply;
}

/**
 * Serves the schedule twice. In the second turn every prompt continues its own first reply, or the beginning of it, so that the
 * prefix cache is used. All requests share one scope.
 * @param room maximum tokens of a prompt.
 */
export async function serveTurns(
  engine: TextEngine,
  schedule: readonly Arrival[],
  toRequest: ToRequest,
  room: number,
): Promise<readonly Turn[]> {
  const scoped = (request: TextGenerationRequest): TextGenerationRequest => ({ ...request, cacheScope: 'turns' });
  const first = await serveAll(engine, schedule, (arrival) => scoped(toRequest(arrival)));
  const carried = new Map(
    schedule.map((arrival, i) => {
      const { promptTokens, outputTokens } = first[i] as ComplianceReply;
      const cut = arrival.number % 3 === 0 ? Math.ceil(outputTokens.length / 2) : outputTokens.length;
      const tokens = [...promptTokens, ...outputTokens.subarray(0, cut), ...promptTokens.subarray(0, 5)].slice(0, room);
      return [
        arrival,
        { ...toRequest(arrival), prompt: { kind: 'tokens', tokens: Uint32Array.from(tokens) } } as const,
      ];
    }),
  );
  const requestOf = (arrival: Arrival) => scoped(carried.get(arrival) as TextGenerationRequest);
  const second = await serveAll(engine, schedule, requestOf);
  return [
    ...first.map((reply, i) => ({ request: scoped(toRequest(schedule[i] as Arrival)), reply })),
    ...second.map((reply, i) => ({ request: requestOf(schedule[i] as Arrival), reply })),
  ];
}

export const countCached = (turns: readonly Turn[]): number =>
  turns.reduce((sum, { reply }) => {
    const end = reply.events.at(-1);
    return sum + (end?.kind === 'end' ? end.cachedTokens : 0);
  }, 0);

/** Returns the first `count` tokens of a reply and their windows, because a cancelled reply may end anywhere. */
function takeTokens(reply: ComplianceReply, request: TextGenerationRequest, vocabularySize: number, count: number) {
  return {
    output: [...reply.outputTokens.subarray(0, count)],
    rows: readRows(reply.windows, vocabularySize).slice(0, count),
    sketches: reply.windows.flatMap((window) => decodeSketch(window.sketch, request.sketch)).slice(0, count),
    tokens: reply.events.filter(({ kind }) => kind === 'token').slice(0, count),
  };
}

/**
 * Serves a schedule with and without drafts, and expects the same texts and commitments.
 * @returns how many drafted tokens were right.
 */
export async function expectSameReplies(
  { plain, guessing }: { readonly plain: TextEngine; readonly guessing: TextEngine },
  schedule: readonly Arrival[],
  toRequest: ToRequest,
): Promise<number> {
  const expected = await serveAll(plain, schedule, toRequest);
  const seen = await serveAll(guessing, schedule, toRequest);
  const { vocabularySize } = plain.info();
  let accepted = 0;
  for (const [i, reply] of seen.entries()) {
    const without = expected[i] as ComplianceReply;
    const arrival = schedule[i] as Arrival;
    const request = toRequest(arrival);
    if (arrival.cancelAfter === undefined) {
      expect(reply.windows).toEqual(without.windows);
      expect([reply.stopReason, reply.text]).toEqual([without.stopReason, without.text]);
    }
    const count = Math.min(reply.outputTokens.length, without.outputTokens.length);
    expect(takeTokens(reply, request, vocabularySize, count)).toEqual(
      takeTokens(without, request, vocabularySize, count),
    );
    const end = reply.events.at(-1);
    const drafts = end?.kind === 'end' ? end.drafts : undefined;
    expect(drafts?.accepted).toBeLessThanOrEqual(drafts?.proposed as number);
    expect(drafts?.accepted).toBeLessThan(Math.max(1, reply.outputTokens.length));
    accepted += drafts?.accepted ?? 0;
  }
  return accepted;
}
