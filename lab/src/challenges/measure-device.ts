import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';

/** Work whose right answer is known: a text that somebody else has scored. */
export interface KnownWork {
  readonly request: TextScoringRequest;
  /** What the other one reported. */
  readonly windows: readonly WindowBytes[];
}

export interface MeasuredDevice {
  /** Of prompt and reply: what the work of a challenge is counted in. */
  readonly tokens: number;
  /** Wall-clock time of each challenge, ascending. */
  readonly tookMs: readonly number[];
  readonly isRight: boolean;
}

/**
 * Makes a device do the work of challenges through the path that audits take: `score` of the engine's interface, whatever back end is
 * behind it. On a processor this was run; on a GPU it was not.
 */
export async function measureDevice(
  engine: Pick<TextEngine, 'score'>,
  works: readonly KnownWork[],
  nowMs: () => number,
): Promise<MeasuredDevice> {
  const tookMs: number[] = [];
  let isRight = true;
  for (const { request, windows } of works) {
    const startedMs = nowMs();
    const scored = await engine.score(request);
    tookMs.push(nowMs() - startedMs);
    isRight &&= isSame(scored.windows, windows);
  }
  const tokens = works.reduce((sum, { request }) => sum + request.promptTokens.length + request.outputTokens.length, 0);
  return { tokens, tookMs: tookMs.sort((a, b) => a - b), isRight };
}

const isSame = (a: readonly WindowBytes[], b: readonly WindowBytes[]): boolean =>
  a.length === b.length &&
  a.every(({ draws, sketch }, i) => {
    const other = b[i] as WindowBytes;
    return equalBytes(draws, other.draws) && equalBytes(sketch, other.sketch);
  });
