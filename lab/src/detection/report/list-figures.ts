import type { DetectionResults } from '../results.ts';
import { plotEvidence } from './plot-curves.ts';
import { plotDrift } from './plot-drift.ts';
import { plotCatchRates } from './plot-lists.ts';
import type { Figure } from './plot-style.ts';

/** The page's pictures, four with two weight types: catch rates of each type, evidence where it is hardest, honest drift. */
export function listFigures(results: DetectionResults): readonly Figure[] {
  return [...plotCatchRates(results.attacks), ...plotEvidence(results.attacks), ...plotDrift(results)];
}
