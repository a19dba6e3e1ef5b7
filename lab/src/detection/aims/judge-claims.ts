import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { CLAIMED_CLASSES } from '../plan/experiments.ts';
import { type AimOutcome, type AimRow, type ClassClaimRow, type DetectionResults, UNLISTED } from '../results.ts';
import { judgeAll, judgeTokens } from './aim-outcome.ts';
import { formatShare } from './aim-text.ts';

type Deciding = Pick<ClassClaimRow, 'attack' | 'weights' | 'verifier' | 'tokensToDecide'>;

/** The most tokens that a decision on noise of 1e-3 between classes may take. */
const CLAIM_LIMIT = 1000;

const tokensOf = ({ tokensToDecide }: Deciding): number => tokensToDecide?.median ?? Number.POSITIVE_INFINITY;
const nameOf = ({ attack, weights }: Deciding): string => `${attack} sold as ${weights}`;

/**
 * Rates each claimed class by the verifier that decides it soonest. The text also states the tokens that other verifiers need, and
 * those for a cheat that really runs in that class.
 */
export function judgeClaims({
  classClaims,
  otherPairs,
}: Pick<DetectionResults, 'classClaims' | 'otherPairs'>): AimRow[] {
  const isUnlisted = ({ claimed }: ClassClaimRow): boolean => claimed === UNLISTED;
  return [
    judgeListed(
      classClaims.filter((row) => !isUnlisted(row)),
      otherPairs,
    ),
    judgeUnlisted(classClaims.filter(isUnlisted)),
  ];
}

function judgeListed(classClaims: DetectionResults['classClaims'], otherPairs: DetectionResults['otherPairs']): AimRow {
  const sharpest = new Map<string, ClassClaimRow>();
  for (const row of classClaims) {
    const name = `${row.claimed} ${nameOf(row)}`;
    const best = sharpest.get(name);
    if (best === undefined || tokensOf(row) < tokensOf(best)) sharpest.set(name, row);
  }
  const met = [...sharpest.values()];
  const missing = CLAIMED_CLASSES.flatMap(({ claimed, weights }) =>
    weights
      .filter((sold) => !met.some((row) => row.claimed === claimed && row.weights === sold))
      .map((sold) => `${claimed} of ${sold}`),
  );
  const others = classClaims.filter((row) => !met.includes(row) && tokensOf(row) > CLAIM_LIMIT);
  const inClass = otherPairs.filter((row) =>
    met.some((one) => row.provider === one.claimed && nameOf(row) === nameOf(one)),
  );
  return {
    aim: `wrong-class claims gain nothing: decided at 1e-6 within ${CLAIM_LIMIT} tokens, as a cheat in the claimed class is`,
    measured: [listByClaim(met), ...(missing.length > 0 ? [`not measured: ${missing.join(', ')}`] : [])]
      .filter((part) => part !== '')
      .join('; '),
    outcome: judgeAll([...met.map(judgeClaim), ...missing.map(() => 'undecided' as const)]),
    note:
      met.length === 0
        ? 'too few honest replies of the claimed class'
        : [
            ...(missing.length > 0 ? ['of the others too few honest replies were sampled'] : []),
            'in the class that it is in, the first tokens decide',
            ...(others.length > 0
              ? [`verifiers that see the claimed class less sharply need more: ${listByClaim(others)}`]
              : []),
            ...(inClass.length > 0 ? [`the same cheats in the claimed class itself: ${list(inClass)}`] : []),
          ].join('; '),
  };
}

const judgeClaim = ({ tokensToDecide, lying }: ClassClaimRow): AimOutcome =>
  judgeTokens(tokensToDecide?.median, WINDOW_TOKENS * lying.of, CLAIM_LIMIT);

/** A class that no row lists is judged by the row that tolerates a reply most, and never ejected (docs/spec/drift-table.md). */
function judgeUnlisted(rows: readonly ClassClaimRow[]): AimRow {
  const outcome = judgeAll(rows.map(judgeClaim));
  return {
    aim: `wrong-class claims gain nothing: of a class that no row of the table lists, decided at 1e-6 within ${CLAIM_LIMIT} tokens`,
    measured:
      rows.length === 0
        ? 'not measured'
        : rows
            .map(
              (row) =>
                `${nameOf(row)}: ${describeTokens(row)}, ${formatShare(row.lying)} of replies rejected (${row.verifier})`,
            )
            .join('; '),
    outcome,
    note: rows.length === 0 || outcome === 'met' ? '' : NO_EVIDENCE,
  };
}

const NO_EVIDENCE =
  'ranks among replies of other classes are no evidence for an ejection. Otherwise honest hardware with more drift than any measured class would be ejected (docs/spec/drift-table.md). ' +
  'Such a provider never gains standing, and is audited as often as a new one. The next idea is a law of how drift grows from class to class, until then rows for the class (`ogong calibrate --peer`)';

const listByClaim = (rows: readonly ClassClaimRow[]): string =>
  [...new Set(rows.map(({ claimed }) => claimed))]
    .map((claimed) => `as ${claimed}: ${list(rows.filter((row) => row.claimed === claimed))}`)
    .join('; ');

const list = (rows: readonly Deciding[]): string =>
  rows.map((row) => `${nameOf(row)}: ${describeTokens(row)} (${row.verifier})`).join(', ');

const describeTokens = ({ tokensToDecide }: Deciding): string =>
  tokensToDecide ? `${tokensToDecide.median} tokens` : 'not decided';
