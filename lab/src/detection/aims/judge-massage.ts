import type { AimRow, AttackRow, DetectionResults } from '../results.ts';
import { formatPair } from '../standing.ts';
import { judgeAll, judgeTokens } from './aim-outcome.ts';
import { formatShare } from './aim-text.ts';
import { countSampled, judgeDecision } from './judge-decision.ts';

/** Massaged draws sold as F16, by what each attacker knows. */
export function judgeMassage(results: Pick<DetectionResults, 'attacks' | 'otherPairs'>): AimRow[] {
  return [
    ...MASSAGERS.flatMap(({ source, by, reasons }) =>
      MASSAGED.map(({ cheap, what, limit }, i) => {
        const row = results.attacks.find(({ attack, weights }) => attack === `${source}-${cheap}` && weights === 'f16');
        return judgeDecision(`massaged draws, ${what}, by one who ${by}, decided at 1e-6`, row, limit, reasons[i]);
      }),
    ),
    judgeMassageElsewhere(results),
    judgeMassageAtOnce(results),
  ];
}

const CAREFUL =
  "it takes the true model's own token wherever a draw would have to be bent farther than honest drift bends it. Its replies differ from honest ones in the few " +
  'draws that it bends, in their number, and in the values that it bends for them. In an exact class one such draw shows. ' +
  'Verifiers of several classes for one payee, whose honest drift hides different draws, are the next idea';

const HIDDEN =
  "it bends only values that noise of the size of honest drift hides, and takes the true model's own token elsewhere. Its values look like honest ones of a position " +
  'that drifted more than most. Only the number of other draws and their margins are evidence. In an exact class one such draw shows. Evidence of several verifiers of unlike classes on one reply is the next idea';

/** The cheap models, and the most tokens that a decision on each may take. */
const MASSAGED = [
  { cheap: 'q8-0', what: 'Q8_0 into F16', limit: 200 },
  { cheap: 'noise-1e-3', what: 'noise of 1e-3', limit: 2500 },
] as const;

/** `reasons` for a miss, in the order of MASSAGED. */
const MASSAGERS = [
  {
    source: 'massaged-knowing',
    by: 'knows the limits',
    reasons: [
      'evidence comes from ranks: no reply of 32 tokens can weigh more than the held-out sample allows. A larger sample is the next idea',
      'only draws and the values that were bent for them speak, and 1 draw in 70 differs',
    ],
  },
  { source: 'massaged-careful', by: 'also knows how far honest draws stray', reasons: [CAREFUL, CAREFUL] },
  { source: 'massaged-hidden', by: 'also hides what it bends in noise', reasons: [HIDDEN, HIDDEN] },
] as const;

function judgeMassageElsewhere({ otherPairs }: Pick<DetectionResults, 'otherPairs'>): AimRow {
  const rows = MASSAGED.flatMap(({ cheap, limit }) =>
    otherPairs
      .filter(({ attack, weights }) => attack === `massaged-knowing-${cheap}` && weights === 'f16')
      .map((row) => ({ ...row, limit })),
  );
  const missed = rows.filter(({ tokensToDecide, limit }) => !((tokensToDecide?.median ?? Number.NaN) <= limit));
  const explain = ({ tokensToDecide, ...row }: AttackRow): string =>
    `${row.attack}, ${formatPair(row)}: ${tokensToDecide ? `${Math.round(tokensToDecide.median)} tokens` : 'not decided'}`;
  return {
    aim: 'massaged draws, other pairs of classes, F16, by one who knows the limits: Q8_0 within 200 tokens, noise of 1e-3 within 2500',
    measured: rows.length === 0 ? 'not measured' : `${rows.length - missed.length} of ${rows.length} are`,
    outcome: judgeAll(rows.map((row) => judgeTokens(row.tokensToDecide?.median, countSampled(row), row.limit))),
    note: missed.length === 0 ? '' : `${missed.map(explain).join('; ')}. ${FEW_REPLIES}`,
  };
}

const FEW_REPLIES =
  'evidence comes from ranks among the honest replies of a pair. Fewer were measured there, and an attack has few replies. ' +
  'More of both are the next idea';

/** In an exact class a reply with one bent draw differs. A reply without a bend is the true model's own. */
function judgeMassageAtOnce({ attacks }: Pick<DetectionResults, 'attacks'>): AimRow {
  const rows = attacks
    .filter(({ attack }) => attack.startsWith('massaged'))
    .flatMap(({ equality, ...row }) =>
      equality === undefined || equality.differ.of === 0 ? [] : [{ ...row, ...equality }],
    );
  const few = rows.filter(({ differ }) => differ.value < 1);
  const differing = rows.reduce((sum, { differ }) => sum + Math.round(differ.value * differ.of), 0);
  const replies = rows.reduce((sum, { differ }) => sum + differ.of, 0);
  return {
    aim: 'massaged draws, exact class: decided at once, by the first reply in which a draw was bent',
    measured:
      rows.length === 0 ? 'not measured' : `${differing} of ${replies} replies differ, of ${rows.length} attacks`,
    outcome: judgeAll(
      rows.map(({ differ }) => (differ.value > 0 ? 'met' : differ.high < 0.1 ? 'missed' : 'undecided')),
    ),
    note: few
      .map(
        ({ attack, weights, differ }) =>
          `${attack} as ${weights}: ${formatShare(differ)}, the others hold no draw that was bent`,
      )
      .join('; '),
  };
}
