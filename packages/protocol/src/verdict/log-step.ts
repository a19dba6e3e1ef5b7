import { computeBareEValuePpm, toEValuePpm } from '../settlement/log-tests.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import type { Judgement } from './judgement.ts';

/** What a judgement is to the sequential tests of the log that it stands in. */
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
  // What nobody repeated must not speak against the provider. It may speak for it.
  const isIdle = isUnproven && (eValue === undefined || eValue >= 1);
  if (isIdle || verdict === 'unjudged') return { step: 'none', eValuePpm: 0 };
  if (evidence !== 'exact' && eValue !== undefined) return { step: 'reply', eValuePpm: toEValuePpm(eValue) };
  if (verdict === 'inconclusive') return { step: 'none', eValuePpm: 0 };
  return { step: 'reply', eValuePpm: computeBareEValuePpm(verdict) };
}
