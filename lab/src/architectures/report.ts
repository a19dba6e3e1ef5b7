import { parseNumericClass } from '@ogong/engine/llama-cpp/numeric-class';
import type { ArchitectureResult, ArchitectureRun, AttackResult, ClassResult } from './results.ts';

const INTRODUCTION = `# Architectures

This page says which model architectures are served exactly. \`npm run architectures -- --write\` measures it again. Each row is a small
model with random weights, made by a recipe in \`packages/testing/src/models/architectures\`. Such a model shows whether the bits of its
kernels repeat. It does not show how well the architecture writes, and a larger model may use other kernels.

In each class up to eight conversations run side by side. Some are cancelled, and some reuse the prefix cache. A second engine runs every
reply again in one teacher-forced pass. A class is **exact** if all bits of all replies agree. Attackers play in the first exact class of a
row, two replies each.
`;

/** A cell that names the kernels, or a number of a reason below the table. */
type Footnotes = Map<string, number>;

const footnote = (notes: Footnotes, reason: string): string => {
  if (!notes.has(reason)) notes.set(reason, notes.size + 1);
  return `[${notes.get(reason)}]`;
};

export function formatArchitectures({ machine, day, results }: ArchitectureRun): string {
  const notes: Footnotes = new Map();
  const columns = results[0]?.classes ?? [];
  const attackers = results.find(({ attacks }) => attacks.length > 0)?.attacks ?? [];
  const head = [
    'model',
    'architecture',
    'beside a plain transformer',
    ...columns.map(({ weights, way }) => `${weights}, ${way}`),
    ...attackers.map(({ name }) => name),
  ];
  const lines = results.map((result) => [
    result.name,
    `\`${result.architecture}\``,
    result.features.join(', '),
    ...result.classes.map((each) => formatClass(each, notes)),
    ...attackers.map(({ name }) =>
      formatAttack(
        result.attacks.find((each) => each.name === name),
        notes,
      ),
    ),
  ]);
  const served = results.flatMap(({ classes }) => classes.flatMap((each) => each.served ?? []));
  const sum = (count: (each: (typeof served)[number]) => number): number =>
    served.reduce((total, each) => total + count(each), 0);
  return [
    INTRODUCTION,
    `${day}: ${machine}.\n`,
    [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    `\n${results.length} models, ${results.filter(isExactSomewhere).length} of them exact in at least one class. ` +
      `${sum(({ replies }) => replies)} replies of ${sum(({ tokens }) => tokens)} tokens, ` +
      `${sum(({ cached }) => cached)} prompt tokens from the cache; ${sum(({ differing }) => differing)} replies differ.\n`,
    ...(notes.size === 0 ? [] : ['## Reasons\n', ...[...notes].map(([reason, number]) => `${number}. ${reason}.`), '']),
  ].join('\n');
}

export const isExact = ({ served }: ClassResult): boolean => served !== undefined && served.differing === 0;
const isExactSomewhere = ({ classes }: ArchitectureResult): boolean => classes.some(isExact);

function formatClass(result: ClassResult, notes: Footnotes): string {
  const { numericClass = '', served, refusal } = result;
  const kernels = parseNumericClass(numericClass)?.kernels ?? '';
  if (isExact(result)) return `\`${kernels}\``;
  const reason = refusal ?? `${served?.differing} of ${served?.replies} replies differ`;
  return `no ${footnote(notes, kernels === '' ? reason : `\`${kernels}\` ${reason}`)}`;
}

function formatAttack(result: AttackResult | undefined, notes: Footnotes): string {
  if (result === undefined) return '-';
  const { played, refusal = '' } = result;
  if (played === undefined) return `cannot serve ${footnote(notes, refusal)}`;
  // In an exact class a reply that passes has the bits of the sold model.
  if (played.caught === 0) return 'same bits';
  return `${played.caught} of ${played.replies}: ${played.by.join(', ')}`;
}
