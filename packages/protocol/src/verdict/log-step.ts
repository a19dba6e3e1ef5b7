import { computeBareEValuePpm, toEValuePpm } from '../settlement/log-tests.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import type { Judgement } from './judgement.ts';

/** Computes the step of a judgement in the sequential tests of its log. */
export function computeStep({
  verdict,
  evidence,
  eValue,
  isUnproven,
  isWithheld,
}: Pick<Judgement, 'verdict' | 'evidence' | 'eValue' | 'isUnproven' | 'isWithheld'>): Pick<
  VerdictEntry,
  'step' | 'eValuePpm'
> {
  if (isWithheld) return { step: 'late', eValuePpm: 0 };
  // An unrepeated reject must not count against the provider. It may count for it.
  const isIdle = isUnproven && (eValue === undefined || eValue >= 1);
  if (isIdle || verdict === 'unjudged') return { step: 'none', eValuePpm: 0 };
  if (evidence !== 'exact' && eValue !== undefined) return { step: 'reply', eValuePpm: toEValuePpm(eValue) };
  if (verdict === 'inconclusive') return { step: 'none', eValuePpm: 0 };
  return { step: 'reply', eValuePpm: computeBareEValuePpm(verdict) };
}
