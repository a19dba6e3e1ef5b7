import type { EqualityRun } from '../../equality/run-file.ts';
import { computesOtherwise } from '../plan/experiments.ts';
import type { AimRow, AttackRow, DetectionResults, Difference } from '../results.ts';
import { formatShare } from './aim-text.ts';

/** The model of the aims. Results of other models are only mentioned. */
const MODEL = 'stories15M';

/** The back end in a numeric class `llama.cpp-<release>/<backend>/...`. */
export const backendOf = ({ numericClass }: Pick<EqualityRun, 'numericClass'>): string =>
  numericClass.split('/')[1] ?? '';

export function judgeHonestEquality(
  { equality, conversations = [] }: Pick<DetectionResults, 'equality' | 'conversations'>,
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
    outcome: differing > 0 ? 'missed' : met ? 'met' : 'undecided',
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
  'a software device serves two tokens of it a second, so most were served on smaller models. A real GPU is the next idea';

export function judgeEquality(
  { attacks }: Pick<DetectionResults, 'attacks'>,
  backend: string,
  find: (row: AttackRow) => Difference | undefined,
): AimRow {
  const measured = attacks
    .filter(({ attack, ...row }) => computesOtherwise({ ...row, name: attack }))
    .flatMap((row) => {
      const difference = find(row);
      return difference === undefined ? [] : [{ ...row, ...difference }];
    });
  // A sliding window forgets nothing until it is full. Until then the provider computes the sold model.
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
    outcome: rows.length === 0 ? 'undecided' : late.length > 0 ? 'missed' : 'met',
    note: [
      ...late.map(({ attack, weights, differ, lastToken }) =>
        differ.value < 1
          ? `${attack} as ${weights}: ${formatShare(differ)} differ at all`
          : `${attack} as ${weights}: at the latest at ${lastToken}`,
      ),
      ...(rows.length > 0 && !rows.some(({ attack }) => attack.startsWith('kv-')) ? [NO_CACHE] : []),
      ...(windows.length > 0
        ? [`not counted, because a sliding window computes the sold model until it is full: ${describeLast(windows)}`]
        : []),
    ].join('; '),
  };
}

const describeLast = (rows: readonly (AttackRow & Difference)[]): string =>
  rows.map(({ attack, weights, lastToken }) => `${attack} as ${weights} at the latest at ${lastToken}`).join('; ');

const NO_CACHE = 'no KV cheat: a quantised cache needs flash attention, which the class does without';
