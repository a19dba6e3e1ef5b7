import { addDrawMargin, createDrawCounts } from './draw-margin.ts';
import { REPLY_SCORES, type ReplyEvidence, type ReplyScore } from './reply-scores.ts';
import { WEIGHT_ONE } from './sampler.ts';

/** Made-up evidence with the shape of real drift, for tests: correlated scores, windows that share noise, margins. */
export interface SyntheticDrift {
  /** Distances against those of honest drift. Default 1. */
  readonly scale?: number;
  /** Movement of the distribution that tokens were drawn from, against honest. Default: as `scale`. */
  readonly drawScale?: number;
  /** Default 128. */
  readonly positions?: number;
  /** ln of how much replies differ among themselves, and windows within one. */
  readonly replyScatter?: number;
  readonly windowScatter?: number;
  /** Windows, from the last, that scale by this besides. */
  readonly late?: { readonly windows: number; readonly scale: number };
}

/** ln of the honest sketch distance. */
const CENTRE = -6.9;
const HONEST_MOVEMENT = 0.002;

/** Two calls give two independent values. @param random uniform in [0, 1). */
export function drawNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function createSyntheticEvidence(random: () => number, drift: SyntheticDrift = {}): ReplyEvidence {
  const { scale = 1, drawScale = scale, positions = 128, replyScatter = 0.1, windowScatter = 0.1, late } = drift;
  const count = Math.ceil(positions / 32);
  const common = Math.log(scale) + replyScatter * drawNormal(random);
  const windows = Float64Array.from({ length: count }, (_, i) => {
    const own = late !== undefined && i >= count - late.windows ? Math.log(late.scale) : 0;
    return CENTRE + common + own + windowScatter * drawNormal(random);
  });
  const mean = Math.log(windows.reduce((sum, value) => sum + Math.exp(value), 0) / count);
  const worst = Math.max(...windows);
  const half = Math.floor(count / 2);
  const average = (part: Float64Array): number =>
    part.reduce((sum, value) => sum + value, 0) / Math.max(part.length, 1);
  const own: Partial<Record<ReplyScore, number>> = {
    'sketch-growth': half === 0 ? 0 : average(windows.slice(count - half)) - average(windows.slice(0, half)),
    unequal: 0.01 * drawNormal(random),
    argmax: -4 + 0.5 * drawNormal(random),
    omission: -13,
  };
  const scores = Float64Array.from(REPLY_SCORES, (name, i) => {
    const centre = name.endsWith('worst') ? worst : mean;
    return own[name] ?? centre + 0.05 * i + 0.07 * drawNormal(random);
  });
  const draws = createDrawCounts();
  for (let i = 0; i < positions; i++) {
    const margin = (random() / 2) * WEIGHT_ONE;
    const isMoved = random() < Math.exp(-margin / (HONEST_MOVEMENT * drawScale * WEIGHT_ONE));
    addDrawMargin(draws, { matches: !isMoved, margin, gap: isMoved ? margin * (1 + random() ** 8) : 0 });
  }
  return { positions, scores, draws, windows };
}
