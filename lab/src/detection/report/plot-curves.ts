import type { AttackRow } from '../results.ts';
import { formatPair } from '../standing.ts';
import {
  buildPanels,
  COLOURS,
  DASHES,
  type Figure,
  GREY,
  groupByWeights,
  type Layer,
  type SoldGroup,
  sortNames,
} from './plot-style.ts';

/** Below it an attack is hard, and its curve says more than its catch rate. */
export const HARD_AUC = 0.9999;

export const isHard = ({ auc }: AttackRow): boolean => auc !== undefined && auc.of > 0 && auc.value < HARD_AUC;

const LEAST_RATE = 1e-5;

/** Per sold weight type, the ROC of the attacks that values do not separate outright. */
export function plotRoc(attacks: readonly AttackRow[]): Figure[] {
  return groupByWeights(attacks.filter((row) => isHard(row) && row.roc.length > 0)).map((group) => {
    const { weights, rows, pairs } = group;
    const { colour, nameOf } = colourNames(group);
    const data: Layer[] = [
      ...rows.flatMap((row) =>
        clampRoc(row.roc).map(([rate, caught], order) => ({
          ...{ attack: row.attack, name: nameOf(row), pair: formatPair(row) },
          rate,
          caught,
          order,
        })),
      ),
      ...pairs.flatMap((pair) =>
        CHANCE.map((rate, order) => ({ ...{ attack: '', name: '', pair, isChance: true }, rate, caught: rate, order })),
      ),
    ];
    const x = {
      field: 'rate',
      type: 'quantitative',
      scale: { type: 'log', domain: [LEAST_RATE, 1], nice: false },
      axis: {
        title: 'honest windows rejected',
        values: [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1],
        labelExpr: "datum.value < 0.1 ? format(datum.value, '~e') : datum.value",
      },
    };
    const y = {
      field: 'caught',
      type: 'quantitative',
      scale: { domain: [0, 1] },
      axis: { title: 'windows of the attack rejected', format: '.0%', values: [0, 0.25, 0.5, 0.75, 1] },
    };
    const title = `ROC per window of 32 tokens, hard attacks: sold as ${weights}`;
    return {
      name: `roc-${weights}`,
      part: 'curves',
      title,
      caption:
        `Attacks whose area under the curve is below ${HARD_AUC}; all others would run along the upper edge. The higher a line stands at ` +
        'the left, the fewer honest windows its rejection costs; the dotted curve is a guess by chance. ' +
        'The dashed lines are false-reject rates of 1e-4 and 1e-3.',
      spec: buildPanels({
        title,
        subtitle: 'Dashed: false-reject rates of 1e-4 and 1e-3. Dotted grey: a guess by chance.',
        ...{ data, pairs, width: pairs.length === 1 ? 460 : 300, height: 260 },
        frame: [1e-4, 1e-3].map((datum) => ({
          mark: { type: 'rule', color: GREY, strokeWidth: 1, strokeDash: [6, 4] },
          encoding: { x: { ...x, datum, field: undefined } },
        })),
        layer: [
          {
            transform: [{ filter: 'datum.isChance' }],
            mark: { type: 'line', color: GREY, strokeDash: [2, 3], strokeWidth: 1.5 },
            encoding: { x, y, order: { field: 'order' } },
          },
          {
            transform: [{ filter: '!datum.isChance' }],
            mark: { type: 'line', strokeWidth: 2, clip: true },
            encoding: { x, y, detail: { field: 'attack' }, order: { field: 'order' }, ...colour },
          },
        ],
      }),
    };
  });
}

const CHANCE = Array.from({ length: 26 }, (_, i) => 10 ** (-5 + i / 5));

/** Points left of the axis become one on its edge, with the highest catch rate among them. */
function clampRoc(roc: AttackRow['roc']): (readonly [number, number])[] {
  const sorted = [...roc].sort(([a, m], [b, n]) => a - b || m - n);
  const edge = sorted.filter(([rate]) => rate <= LEAST_RATE).at(-1);
  const inside = sorted.filter(([rate]) => rate > LEAST_RATE);
  return edge === undefined ? inside : [[LEAST_RATE, edge[1]], ...inside];
}

const EVIDENCE_RANGE = [-2, 10] as const;
/** A million to one, as the logarithm to the base of ten. */
const DECIDED = 6;

/** Per sold weight type, how the evidence against one provider grows. */
export function plotEvidence(attacks: readonly AttackRow[]): Figure[] {
  return groupByWeights(attacks.filter((row) => isHard(row) && row.evidence.some(([tokens]) => tokens > 0))).map(
    (group) => {
      const { weights, rows, pairs } = group;
      const { colour, nameOf } = colourNames(group);
      const data = rows.flatMap((row) =>
        row.evidence
          .filter(([tokens]) => tokens > 0)
          .map(([tokens, logEvidence]) => ({
            ...{ attack: row.attack, name: nameOf(row), pair: formatPair(row) },
            ...{ tokens, evidence: logEvidence / Math.LN10 },
          })),
      );
      const x = {
        field: 'tokens',
        type: 'quantitative',
        scale: { type: 'log', nice: false },
        axis: { title: 'tokens of one provider', format: ',', values: TICKS },
      };
      const y = {
        field: 'evidence',
        type: 'quantitative',
        scale: { domain: EVIDENCE_RANGE },
        axis: { title: 'evidence, log10 of the odds', values: [-2, 0, 2, 4, 6, 8, 10] },
      };
      const title = `Evidence against one provider by its tokens, hard attacks: sold as ${weights}`;
      return {
        name: `evidence-${weights}`,
        part: 'curves',
        title,
        caption:
          'The same attacks: how the evidence against one provider grows with its tokens. Where a line crosses the dashed one at 6, ' +
          'a million to one, the provider is decided; a line that stays flat or falls is an attack that the evidence does not see.',
        spec: buildPanels({
          title,
          subtitle: 'Dashed: a million to one, from where on the provider is decided.',
          ...{ data, pairs, width: pairs.length === 1 ? 460 : 300, height: 260 },
          frame: [
            {
              mark: { type: 'rule', color: '#1A1A1A', strokeDash: [6, 4], strokeWidth: 1.2 },
              encoding: { y: { ...y, datum: DECIDED, field: undefined } },
            },
          ],
          layer: [
            {
              mark: { type: 'line', strokeWidth: 2, clip: true },
              encoding: { x, y, detail: { field: 'attack' }, ...colour },
            },
          ],
        }),
      };
    },
  );
}

const TICKS = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((decade) => [decade, 2 * decade, 5 * decade]);

/** The hardest attacks have a colour and a dash each; the others share a grey, so that the legend stays short. */
function colourNames({ rows, pairs }: SoldGroup) {
  const names = sortNames(rows, ({ auc }) => auc?.value ?? 1).reverse();
  const named = names.slice(0, COLOURS.length);
  const rest = names.length - named.length;
  const others = rest > 0 ? [rest === 1 ? '1 other' : `${rest} others`] : [];
  const domain = [...named, ...others];
  const legend = {
    title: null,
    orient: 'bottom',
    columns: pairs.length === 1 ? 2 : 3,
    symbolType: 'stroke',
    symbolSize: 400,
  } as const;
  return {
    nameOf: ({ attack }: AttackRow): string => (named.includes(attack) ? attack : (others[0] as string)),
    colour: {
      color: {
        field: 'name',
        type: 'nominal',
        scale: { domain, range: [...COLOURS.slice(0, named.length), GREY] },
        legend,
      },
      strokeDash: {
        field: 'name',
        type: 'nominal',
        scale: { domain, range: [...DASHES.slice(0, named.length), [1, 0]] },
        legend,
      },
    },
  };
}
