import type { AttackRow } from '../results.ts';
import { formatPair } from '../standing.ts';
import {
  buildPanels,
  COLOURS,
  DASHES,
  type Figure,
  GREY,
  groupByWeights,
  type SoldGroup,
  sortNames,
} from './plot-style.ts';

/** An attack with a lower AUC is hard. Its curve says more than its catch rate. */
export const HARD_AUC = 0.9999;

export const isHard = ({ auc }: AttackRow): boolean => auc !== undefined && auc.of > 0 && auc.value < HARD_AUC;

const EVIDENCE_RANGE = [-2, 10] as const;
/** A million to one, as the logarithm to the base of ten. */
const DECIDED = 6;

/** How evidence against one provider grows, for the weight type with the most hard attacks. */
export function plotEvidence(attacks: readonly AttackRow[]): Figure[] {
  const groups = groupByWeights(attacks.filter((row) => isHard(row) && row.evidence.some(([tokens]) => tokens > 0)));
  return groups
    .sort((a, b) => b.rows.length - a.rows.length)
    .slice(0, 1)
    .map((group) => {
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
          `The attacks whose values lie closest to honest ones (area under the ROC curve below ${HARD_AUC}). Where a line crosses the dashed one at 6, ` +
          'a million to one, the attack counts as decided; the network ejects at 3. A line that stays flat or falls is an attack that the values do not show.',
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
    });
}

const TICKS = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((decade) => [decade, 2 * decade, 5 * decade]);

/** Each of the hardest attacks has its own colour and dash. The others are grey, so that the legend stays short. */
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
