import type { DetectionResults } from '../results.ts';
import { plotEvidence, plotRoc } from './plot-curves.ts';
import { plotDrift } from './plot-drift.ts';
import { plotCatchRates, plotDecisions } from './plot-lists.ts';
import type { Figure } from './plot-style.ts';

/** Every picture that these results have data for, in the order of the page. */
export function listFigures(results: DetectionResults): readonly Figure[] {
  return [
    ...plotCatchRates(results.attacks),
    ...plotDecisions(results.attacks),
    ...plotRoc(results.attacks),
    ...plotEvidence(results.attacks),
    ...plotDrift(results),
  ];
}
