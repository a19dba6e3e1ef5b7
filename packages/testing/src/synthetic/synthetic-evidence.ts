import { computeExp, computeLog } from '@ogong/protocol/base/elementary';
import { VALUE_CELLS } from '@ogong/protocol/modality/text/stage2/bent-values';
import { addDrawMargin, createDrawCounts } from '@ogong/protocol/modality/text/stage2/draw-margin';
import { REPLY_SCORES, type ReplyEvidence, type ReplyScore } from '@ogong/protocol/modality/text/stage2/reply-scores';

/** Made-up evidence with the shape of real drift: correlated scores, windows that share noise, margins. */
export interface SyntheticDrift {
  /** Distances relative to honest drift. Default 1. */
  readonly scale?: number;
  /** Movement of the distribution of draws, relative to honest drift. Default: as `scale`. */
  readonly drawScale?: number;
  /** Default 128. */
  readonly positions?: number;
  /** Default 16. */
  readonly promptTokens?: number;
  /** Scatter between replies, and `windowScatter` between windows of one reply, in ln. */
  readonly replyScatter?: number;
  readonly windowScatter?: number;
  /** Surprise of the text, nats. Default: about 1.7. */
  readonly surprise?: number;
  /** Coherence of the sketches' differences. Default: 3, as with honest kernels. */
  readonly coherence?: number;
  /** Positions with a single value that stands out from the others. Default: 0. */
  readonly bent?: number;
  /** An additional scale for the last windows. */
  readonly late?: { readonly windows: number; readonly scale: number };
}

/** ln of the honest sketch distance. */
const CENTRE = -6.9;
/** Nats. */
const HONEST_MOVEMENT = 0.005;

/**
 * A standard normal value by Marsaglia's polar method. The only function of the host's mathematics is the square root, which is
 * exact, so that vectors are equal on every machine.
 * @param random uniform in [0, 1).
 */
export function drawNormal(random: () => number): number {
  for (;;) {
    const [x, y] = [2 * random() - 1, 2 * random() - 1];
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * computeLog(square)) / square);
  }
}

export function createSyntheticEvidence(random: () => number, drift: SyntheticDrift = {}): ReplyEvidence {
  const {
    scale = 1,
    drawScale = scale,
    positions = 128,
    promptTokens = 16,
    replyScatter = 0.1,
    windowScatter = 0.1,
    late,
  } = drift;
  const count = Math.ceil(positions / 32);
  const common = computeLog(scale) + replyScatter * drawNormal(random);
  const windows = Float64Array.from({ length: count }, (_, i) => {
    const own = late !== undefined && i >= count - late.windows ? computeLog(late.scale) : 0;
    return CENTRE + common + own + windowScatter * drawNormal(random);
  });
  const mean = computeLog(windows.reduce((sum, value) => sum + computeExp(value), 0) / count);
  const worst = Math.max(...windows);
  const half = Math.floor(count / 2);
  const average = (part: Float64Array): number =>
    part.reduce((sum, value) => sum + value, 0) / Math.max(part.length, 1);
  const own: Partial<Record<ReplyScore, number>> = {
    'sketch-growth': half === 0 ? 0 : average(windows.slice(count - half)) - average(windows.slice(0, half)),
    unequal: 0.01 * drawNormal(random),
    argmax: -4 + 0.5 * drawNormal(random),
    omission: -13,
    entropy: 1.3 + 0.2 * drawNormal(random),
    surprise: (drift.surprise ?? 1.7) + 0.2 * drawNormal(random),
    'sketch-coherence': computeLog(drift.coherence ?? 3) + 0.4 * drawNormal(random),
  };
  const scores = Float64Array.from(REPLY_SCORES, (name, i) => {
    const centre = name.endsWith('worst') ? worst : mean;
    return own[name] ?? centre + 0.05 * i + 0.07 * drawNormal(random);
  });
  const draws = createDrawCounts();
  for (let i = 0; i < positions; i++) {
    const margin = 2 * random();
    const isMoved = random() < computeExp(-margin / (HONEST_MOVEMENT * drawScale));
    addDrawMargin(draws, { matches: !isMoved, margin, gap: isMoved ? margin * (1 + toEighth(random())) : 0 });
  }
  const values = new Uint32Array(VALUE_CELLS);
  for (let i = 0; i < positions; i++) {
    const cell = i < (drift.bent ?? 0) ? VALUE_CELLS - 1 : i % 40 === 7 ? 1 : i % 64 === 9 ? 4 : 0;
    values[cell] = (values[cell] as number) + 1;
  }
  return { positions, context: promptTokens + positions, scores, draws, values, windows };
}

function toEighth(x: number): number {
  const fourth = x * x * (x * x);
  return fourth * fourth;
}
