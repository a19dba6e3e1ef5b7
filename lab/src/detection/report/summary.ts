import type { DetectionResults } from '../results.ts';
import { outcomeOf } from '../standing.ts';
import { countHonestRejects, countOutcomes, groupByFinding, reasonOf } from './findings.ts';
import { formatCount, formatPercent } from './number-text.ts';

/** The end of a run's output, for a new reader: ten lines at most. */
export function formatSummary(results: DetectionResults): readonly string[] {
  const { first, inClass, several, open } = groupByFinding(results.attacks);
  const allowed = open.filter((name) => reasonOf(results, name) !== undefined);
  const undecided = open.filter((name) => !allowed.includes(name));
  const honest = countHonestRejects(results);
  const aims = countOutcomes(results);
  const missed = results.aims.filter((aim) => outcomeOf(aim) === 'missed');
  return [
    `${formatCount(first.length + inClass.length + several.length + open.length)} attacks were played against the unchanged checks, on a real model.`,
    `${formatCount(first.length + inClass.length)} were caught by their first reply, ${formatCount(inClass.length)} of them by a verifier on the same kind of machine.`,
    `${formatCount(several.length)} were caught within several replies.`,
    `${formatCount(allowed.length)} are not caught, for a known reason: ${listSome(allowed)}.`,
    `${formatCount(undecided.length)} slipped through, or need more replies than this run played: ${listSome(undecided)}.`,
    `Honest replies that replaying the draws rejected: ${formatCount(honest.refuted)} of ${formatCount(honest.stage1.of)}.`,
    `Honest replies that differed when run again in the same numeric class: ${formatCount(honest.differing)} (${formatCount(honest.rerunTokens)} tokens).`,
    honest.stage1.of === 0
      ? 'How sure: nothing honest was sampled, so this run shows nothing.'
      : `How sure: at most ${formatPercent(honest.stage1.high)} % of honest replies are rejected so (95 % confidence); a larger --profile narrows that.`,
    `Aims: ${aims.met} met, ${aims.missed} missed, ${aims.undecided} not decided by this sample.` +
      (missed.length === 0 ? '' : ` MISSED: ${listSome(missed.map(({ aim }) => aim))}.`),
    'Read more: docs/detection/README.md, the report of the full run; --write DIR writes the same of this one.',
  ];
}

const SHOWN = 6;

function listSome(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const rest = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
