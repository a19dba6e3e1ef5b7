import type { EqualityRun } from '../equality/run-file.ts';
import { computesOtherwise } from './experiments.ts';
import { judgeClaims } from './judge-claims.ts';
import { AS_SERVED } from './measure-ejection.ts';
import type { AimRow, AttackRow, DetectionResults, Difference, EjectionRow, Share } from './results.ts';
import { toShare } from './share.ts';
import { formatPair } from './standing.ts';

/** What the aims are about; others stand beside it. */
const MODEL = 'stories15M';

type Measured = Omit<DetectionResults, 'verifiers' | 'auditTells' | 'elapsedS' | 'aims' | 'notCaught'>;

/** What `npm run equality` found, in place of what stands there; aims are judged anew. */
export function withConversations(results: DetectionResults, conversations: readonly EqualityRun[]): DetectionResults {
  const all = { ...results, conversations };
  return { ...all, aims: judgeAims(all) };
}

/** Of a numeric class: `llama.cpp-<release>/<backend>/...`. */
export const backendOf = ({ numericClass }: Pick<EqualityRun, 'numericClass'>): string =>
  numericClass.split('/')[1] ?? '';

/** What the project set out to reach, against what was measured. A number that was not measured is a miss. */
export function judgeAims(results: Measured): AimRow[] {
  const find = (attack: string, weights: string): AttackRow | undefined =>
    results.attacks.find((row) => row.attack === attack && row.weights === weights);
  return [
    judgeHonestDraws(results),
    ...judgeStage1(results),
    judgeHonestEquality(results, 'cpu', 'CPU'),
    judgeHonestEquality(results, 'vulkan', 'Vulkan'),
    judgeEquality(results, 'CPU', ({ equality }) => equality),
    judgeEquality(results, 'Vulkan', ({ vulkan }) => vulkan),
    ...judgeF16(results),
    judgeF16Elsewhere(results),
    judgeDecision('inexact Q8_0: noise of 1e-3 decided at 1e-6', find('weights-noise-1e-3', 'q8_0'), 1000),
    judgeDecision('inexact Q8_0: KV cache q8_0 decided at 1e-6', find('kv-q8-0', 'q8_0'), 2500),
    judgeDecision(
      'massaged draws, Q8_0 into F16, by one who knows the limits, decided at 1e-6',
      find('massaged-knowing-q8-0', 'f16'),
      200,
      'evidence comes from ranks: no reply of 32 tokens can weigh more than the held-out sample allows. A larger sample is the next idea',
    ),
    judgeDecision(
      'massaged draws, noise of 1e-3, by one who knows the limits, decided at 1e-6',
      find('massaged-knowing-noise-1e-3', 'f16'),
      2500,
      'only draws and the values that were bent for them speak, and 1 draw in 70 differs',
    ),
    judgeDecision(
      'massaged draws, Q8_0 into F16, by one who also knows how far honest draws stray, decided at 1e-6',
      find('massaged-careful-q8-0', 'f16'),
      200,
      CAREFUL,
    ),
    judgeDecision(
      'massaged draws, noise of 1e-3, by one who also knows how far honest draws stray, decided at 1e-6',
      find('massaged-careful-noise-1e-3', 'f16'),
      2500,
      CAREFUL,
    ),
    judgeDecision(
      'massaged draws, Q8_0 into F16, by one who also hides what it bends in noise, decided at 1e-6',
      find('massaged-hidden-q8-0', 'f16'),
      200,
      HIDDEN,
    ),
    judgeDecision(
      'massaged draws, noise of 1e-3, by one who also hides what it bends in noise, decided at 1e-6',
      find('massaged-hidden-noise-1e-3', 'f16'),
      2500,
      HIDDEN,
    ),
    judgeMassageElsewhere(results),
    judgeMassageAtOnce(results),
    judgeNames('the verdict names the kind of cheat in 95 % of rejects', results.attacks),
    judgeNames('the same between the other pairs of classes: the kind named in 95 % of rejects', results.otherPairs),
    ...judgeEjection(results),
    ...judgeClaims(results),
  ];
}

const CAREFUL =
  "it takes the true model's own token wherever a draw would have to be bent farther than honest drift bends it: what is left differs from honest replies in the " +
  'few draws that it does bend, in how many of them there are, and in the single values that it bends for them. In an exact class one such draw shows. ' +
  'Verifiers of several classes for one payee, whose honest drift hides different draws, are the next idea';

const HIDDEN =
  "it bends nothing that noise of the size of honest drift does not hide, and takes the true model's own token elsewhere: its values look like honest ones of a " +
  'position that drifted more than most, and only how many draws differ, and by what margin, speaks. In an exact class one such draw shows. Evidence of several verifiers of unlike classes on one reply is the next idea';

export const formatShare = ({ value, low, high, of }: Share): string =>
  `${percent(value)} (${percent(low)} to ${percent(high)}, n ${of})`;

const percent = (value: number): string => `${Number((100 * value).toPrecision(4))} %`;

function judgeHonestDraws({ stage1 }: Measured): AimRow {
  const tokens = stage1.reduce((sum, row) => sum + row.tokens, 0);
  const mismatches = stage1.reduce((sum, row) => sum + row.mismatches, 0);
  return {
    aim: 'stage 1: no honest mismatch in 1e6 tokens, every class, batch and sampler',
    measured: `${mismatches} replies of ${stage1.reduce((sum, row) => sum + row.replies, 0)}, ${tokens} tokens`,
    met: mismatches === 0 && tokens >= 1e6,
    note: tokens < 1e6 ? `this profile samples ${tokens} tokens only` : '',
  };
}

function judgeStage1({ attacks, stage1 }: Measured): AimRow[] {
  const isCoarse = ({ attack }: AttackRow): boolean =>
    /^prefill/.test(attack) && !/q8-0|noise|fine-tune|adapter/.test(attack);
  const fine = attacks.find(({ attack, weights }) => attack === 'prefill-q8-0' && weights === 'f16');
  const replies = stage1.reduce((sum, row) => sum + row.replies, 0);
  const us = stage1.reduce((sum, row) => sum + row.usPerToken * row.replies, 0) / replies;
  return [
    judgeRefuted(
      'every sampler cheat',
      attacks.filter(({ attack }) => SAMPLER_CHEATS.test(attack)),
    ),
    judgeRefuted('every pre-fill from Q5 or coarser', attacks.filter(isCoarse)),
    {
      aim: 'stage 1: pre-fill from Q8_0 into F16 caught per full reply, 99.5 %',
      measured: fine ? formatShare(fine.stage1Full) : 'not measured',
      met: fine !== undefined && fine.stage1Full.value >= 0.995,
      note: fine ? explainEscapes(fine.stage1Full) : 'no sample',
    },
    {
      aim: 'stage 1: at most 5 microseconds a token',
      measured: replies === 0 ? 'not measured' : `${us.toFixed(1)} in this run, with parsing and hashing`,
      met: us <= 5,
      note: 'docs/bench.md has it on a quiet machine, with the version of the code',
    },
  ];
}

const SAMPLER_CHEATS = /^(sampler-|greedy-as-sampled|grind-(nonce|reply-id|epoch))/;

/** All attacks of a kind together, since one alone has too few replies to show so small a share of escapes. */
function judgeRefuted(what: string, rows: readonly AttackRow[]): AimRow {
  const of = rows.reduce((sum, { stage1Full }) => sum + stage1Full.of, 0);
  const caught = rows.reduce((sum, { stage1Full }) => sum + Math.round(stage1Full.value * stage1Full.of), 0);
  const leaking = rows.filter(({ stage1Full }) => stage1Full.of > 0 && stage1Full.value < 1);
  const names = leaking.map((row) => `${row.attack} as ${row.weights}: ${formatShare(row.stage1Full)}`).join('; ');
  return {
    aim: `stage 1: ${what} caught per full reply, 99.99 %`,
    measured: of === 0 ? 'not measured' : `${rows.length} attacks, ${formatShare(toShare(caught, of))}`,
    met: of > 0 && caught / of >= 0.9999,
    note: names || 'the interval is as wide as the sample is small',
  };
}

function explainEscapes({ value, high, of }: Share): string {
  if (value >= 0.995) return '';
  const reason = 'a reply escapes where each of its draws falls as the true model has it, so one of few choices';
  return high >= 0.995 ? `${reason}; the aim lies within the interval of ${of} replies` : reason;
}

function judgeHonestEquality(
  { equality, conversations = [] }: Pick<Measured, 'equality' | 'conversations'>,
  backend: 'cpu' | 'vulkan',
  name: string,
): AimRow {
  const rows = [
    ...equality
      .filter((row) => row.backend === backend)
      .map(({ variant, tokens, differing }) => ({ model: variant.split(',', 1)[0] as string, tokens, differing })),
    ...conversations.filter((run) => backendOf(run) === backend).map(({ model, counts }) => ({ model, ...counts })),
  ];
  const tokensOf = (model: string): number =>
    rows.reduce((total, row) => total + (row.model === model ? row.tokens : 0), 0);
  const others = [...new Set(rows.map(({ model }) => model))].filter((model) => model !== MODEL);
  const tokens = tokensOf(MODEL);
  const differing = rows.reduce((sum, row) => sum + row.differing, 0);
  const met = differing === 0 && tokens >= 1e5;
  return {
    aim: `exact classes, ${name}: honest distance 0 on 1e5 tokens of ${MODEL}`,
    measured: rows.length === 0 ? 'not measured' : `${differing} replies differ, ${tokens} tokens`,
    met,
    note: [
      ...(met || differing > 0 ? [] : [backend === 'vulkan' ? SOFTWARE_DEVICE : 'this profile samples fewer']),
      ...(others.length > 0
        ? [
            `besides, in the same count of replies: ${others.map((model) => `${tokensOf(model)} of ${model}`).join(', ')}`,
          ]
        : []),
    ].join('; '),
  };
}

const SOFTWARE_DEVICE =
  'a software device serves two tokens of it a second, so that most were served on models small enough; a real GPU is the next idea';

function judgeEquality(
  { attacks }: Measured,
  backend: string,
  find: (row: AttackRow) => Difference | undefined,
): AimRow {
  const measured = attacks
    .filter(({ attack, ...row }) => computesOtherwise({ ...row, name: attack }))
    .flatMap((row) => {
      const difference = find(row);
      return difference === undefined ? [] : [{ ...row, ...difference }];
    });
  // A window that is not full forgets nothing: until then its provider computes what was sold.
  const isWindow = ({ attack }: AttackRow): boolean => attack.startsWith('sliding-window');
  const windows = measured.filter(isWindow);
  const rows = measured.filter((row) => !isWindow(row));
  const late = rows.filter(({ differ, lastToken }) => differ.value < 1 || lastToken >= 4);
  const replies = rows.reduce((sum, { differ }) => sum + differ.of, 0);
  return {
    aim: `exact classes, ${backend}: every weight, KV and prompt cheat differs within 4 tokens`,
    measured:
      rows.length === 0
        ? 'not measured'
        : `${rows.length - late.length} of ${rows.length} attacks do, ${replies} replies`,
    met: rows.length > 0 && late.length === 0,
    note: [
      ...late.map(({ attack, weights, differ, lastToken }) =>
        differ.value < 1
          ? `${attack} as ${weights}: ${formatShare(differ)} differ at all`
          : `${attack} as ${weights}: at the latest at ${lastToken}`,
      ),
      ...(rows.length > 0 && !rows.some(({ attack }) => attack.startsWith('kv-')) ? [NO_CACHE] : []),
      ...(windows.length > 0
        ? [`not counted, since it computes what was sold until its window is full: ${describeLast(windows)}`]
        : []),
    ].join('; '),
  };
}

const describeLast = (rows: readonly (AttackRow & Difference)[]): string =>
  rows.map(({ attack, weights, lastToken }) => `${attack} as ${weights} at the latest at ${lastToken}`).join(', ');

const NO_CACHE = 'no KV cheat: a quantised cache needs flash attention, which the class does without';

function judgeF16({ attacks }: Measured): AimRow[] {
  const rows = attacks.filter(({ family, weights }) => family === 'weights' && weights === 'f16');
  const rateOf = (row: AttackRow): Share | undefined =>
    row.perWindow.find((each) => each.falseRejectRate === 1e-4)?.caught;
  const missed = rows.filter((row) => !((rateOf(row)?.value ?? 0) >= 0.999));
  const explain = (row: AttackRow): string => {
    const rate = rateOf(row);
    if (rate === undefined) return `${row.attack}: no sample`;
    const isWindow = row.attack.startsWith('sliding-window');
    const reason = isWindow
      ? ', until prompt and reply fill its window it computes what was sold'
      : rate.high >= 0.999
        ? ', the aim lies within the interval'
        : '';
    return `${row.attack}: ${formatShare(rate)}${reason}`;
  };
  return [
    {
      aim: 'other classes, F16: every weight cheat caught per 32 tokens, 99.9 % at 1e-4',
      measured: `${rows.length - missed.length} of ${rows.length} attacks are`,
      met: rows.length > 0 && missed.length === 0,
      note: [...missed.map(explain), ...describeSamples(rows.flatMap((row) => rateOf(row) ?? []))].join('; '),
    },
  ];
}

/** The pairs of classes that aims are measured in besides; of most attacks those that come close to honest drift alone. */
function judgeF16Elsewhere({ otherPairs }: Measured): AimRow {
  const rows = otherPairs.filter(({ family, weights }) => family === 'weights' && weights === 'f16');
  const rates = rows.flatMap((row) => {
    const rate = row.perWindow.find((each) => each.falseRejectRate === 1e-4)?.caught;
    return rate === undefined ? [] : [{ row, rate }];
  });
  const missed = rates.filter(({ rate }) => rate.value < 0.999);
  const pairs = [...new Set(missed.map(({ row }) => formatPair(row)))].map((pair) => {
    const names = missed
      .filter(({ row }) => formatPair(row) === pair)
      .map(({ row, rate }) => `${row.attack} ${percent(rate.value)}`);
    return `${pair}: ${names.join(', ')}`;
  });
  const isBackend = ({ row }: { readonly row: AttackRow }): boolean => row.verifier === 'vulkan';
  const backend = missed.some(isBackend)
    ? ' Between back ends honest drift is several times that of CPU classes, and as wide as the smallest changes of weights: sums are taken in another order throughout. ' +
      'A verifier of the own class, where equality decides, is what routing prefers'
    : '';
  const reason =
    'fewer honest replies were measured there than in the pair above, so that the threshold lies far out on a fitted tail, and two inexact classes drift ' +
    'more than an exact one and an inexact. More honest replies of each pair are the next idea, then verifiers of the sharpest class';
  return {
    aim: 'other classes, F16: the same between the other pairs of classes',
    measured: rates.length === 0 ? 'not measured' : `${rates.length - missed.length} of ${rates.length} attacks are`,
    met: rates.length > 0 && missed.length === 0,
    note: missed.length === 0 ? '' : `${pairs.join('; ')}. ${reason}.${backend}`,
  };
}

/** What a share of few replies says of one so near to all. */
function describeSamples(rates: readonly Share[]): string[] {
  if (rates.length === 0) return [];
  const sizes = rates.map(({ of }) => of);
  const lowest = Math.min(...rates.filter(({ value }) => value === 1).map(({ low }) => low));
  const limit = Number.isFinite(lowest)
    ? `: where all were caught the interval reaches down to ${percent(lowest)}`
    : '';
  return [`on fitted tails, ${Math.min(...sizes)} to ${Math.max(...sizes)} windows of an attack${limit}`];
}

function judgeDecision(aim: string, row: AttackRow | undefined, limit: number, reason = ''): AimRow {
  const tokens = row?.tokensToDecide?.median;
  const met = tokens !== undefined && tokens <= limit;
  return {
    aim: `${aim} within ${limit} tokens`,
    measured: tokens === undefined ? (row ? 'not decided' : 'not measured') : `${Math.round(tokens)} tokens, median`,
    met,
    note: met ? '' : reason,
  };
}

/** What they may take by the aims of the pair that all attacks are measured in. */
const MASSAGED: readonly (readonly [attack: string, limit: number])[] = [
  ['massaged-knowing-q8-0', 200],
  ['massaged-knowing-noise-1e-3', 2500],
];

function judgeMassageElsewhere({ otherPairs }: Measured): AimRow {
  const rows = MASSAGED.flatMap(([attack, limit]) =>
    otherPairs.filter((row) => row.attack === attack && row.weights === 'f16').map((row) => ({ ...row, limit })),
  );
  const missed = rows.filter(({ tokensToDecide, limit }) => !((tokensToDecide?.median ?? Number.NaN) <= limit));
  const explain = ({ tokensToDecide, ...row }: AttackRow): string =>
    `${row.attack}, ${formatPair(row)}: ${tokensToDecide ? `${Math.round(tokensToDecide.median)} tokens` : 'not decided'}`;
  return {
    aim: 'massaged draws into F16 by one who knows the limits, the same between the other pairs of classes: Q8_0 within 200 tokens, noise of 1e-3 within 2500',
    measured: rows.length === 0 ? 'not measured' : `${rows.length - missed.length} of ${rows.length} are`,
    met: rows.length > 0 && missed.length === 0,
    note: missed.length === 0 ? '' : `${missed.map(explain).join('; ')}. ${FEW_REPLIES}`,
  };
}

const FEW_REPLIES =
  'evidence comes from ranks among the honest replies of a pair, of which fewer were measured there, and an attack has few replies to be decided by; ' +
  'more of both are the next idea';

/** Where bytes are compared a reply in which one draw was bent differs; one in which none had to be is the true model's own. */
function judgeMassageAtOnce({ attacks }: Measured): AimRow {
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
    met: rows.length > 0 && rows.every(({ differ }) => differ.value > 0),
    note: few
      .map(
        ({ attack, weights, differ }) =>
          `${attack} as ${weights}: ${formatShare(differ)}, the others hold no draw that was bent`,
      )
      .join('; '),
  };
}

function judgeNames(aim: string, attacks: readonly AttackRow[]): AimRow {
  const rows = attacks.filter(({ named }) => named !== undefined);
  const rejects = rows.reduce((sum, { named }) => sum + named!.of, 0);
  const count = (shares: readonly Share[]): number =>
    shares.reduce((sum, { value, of }) => sum + Math.round(value * of), 0);
  const right = count(rows.flatMap(({ named }) => named ?? []));
  const exactly = rows.flatMap(({ namedExactly }) => namedExactly ?? []);
  const named = exactly.reduce((sum, { of }) => sum + of, 0);
  return {
    aim,
    measured:
      rejects === 0
        ? 'not measured'
        : `${percent(right / rejects)} of ${rejects} rejects${named === 0 ? '' : `; the very attack in ${percent(count(exactly) / named)}, where several of a kind compute the same`}`,
    met: rejects > 0 && right >= 0.95 * rejects,
    note: rejects > 0 && right < 0.95 * rejects ? `${listConfusions(rows)}. ${FEW_NAMES}` : '',
  };
}

const FEW_NAMES =
  'What an alternative looks like is learned from few replies of it where pairs are sampled less; more of them are the next idea';

/** The attacks that lose most. */
function listConfusions(rows: readonly AttackRow[]): string {
  const wrong = new Map<string, number>();
  for (const { attack, weights, named } of rows) {
    const name = `${attack} as ${weights}`;
    wrong.set(name, (wrong.get(name) ?? 0) + Math.round((1 - named!.value) * named!.of));
  }
  const most = [...wrong].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return `most often misnamed: ${most.map(([name, count]) => `${name} (${count})`).join(', ')}`;
}

function judgeEjection({ ejection }: Measured): AimRow[] {
  const rows = ejection.filter(({ test }) => test.includes('per reply, '));
  const [lived, served] = [rows.filter((row) => !isAsServed(row)), rows.filter(isAsServed)];
  const count = (some: readonly EjectionRow[]): number => some.reduce((sum, { replies }) => sum + replies, 0);
  const lives = served.reduce((sum, { lifetimes }) => sum + lifetimes, 0);
  const ejected = served.flatMap(({ test, ejected }) =>
    ejected.value > 0 ? [`${test}: ${formatShare(ejected)}`] : [],
  );
  return [
    {
      aim: 'no honest provider ejected: at most beta over 1e6 replies with their measured correlation',
      measured:
        lived.map(({ test, ejected, beta }) => `${test}: ${formatShare(ejected)}, beta ${beta}`).join('; ') ||
        'not measured',
      met: lived.length > 0 && count(lived) >= 1e6 && lived.every(({ ejected, beta }) => ejected.value <= beta),
      note: count(lived) < 1e6 ? `this profile simulates ${count(lived)} replies only` : '',
    },
    {
      aim: 'no honest provider ejected in any real run, replies in their order',
      measured:
        served.length === 0 ? 'not measured' : ejected.join('; ') || `none of ${lives} lives, ${count(served)} replies`,
      met: served.length > 0 && ejected.length === 0,
      note:
        served.length === 0
          ? 'too few honest replies for tables of two halves'
          : ejected.length > 0
            ? 'the bound is on the share of lives, and some end; more runs say whether as many as it allows'
            : '',
    },
  ];
}

const isAsServed = ({ test }: EjectionRow): boolean => test.endsWith(AS_SERVED);
