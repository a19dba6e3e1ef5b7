import type { EconomicModel, EconomicStatement } from './finding.ts';

export interface EconomicsResults {
  readonly models: readonly EconomicModel[];
  readonly proofs: readonly EconomicStatement[];
}

const line = ({ claim, holds, detail }: EconomicStatement): string =>
  `- ${holds ? '' : '**Does not hold.** '}${claim}: ${detail}.`;

function table({ head, rows }: NonNullable<EconomicModel['table']>): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function section({ title, summary, findings, table: cells, curves }: EconomicModel): string {
  const parts = [`## ${title}`, summary, findings.map(line).join('\n')];
  if (cells) parts.push(table(cells));
  if (curves) parts.push(`![${curves.title}](economics/${curves.name}.svg)`, curves.caption);
  return parts.join('\n\n');
}

/** What the economy does, in plain words, with every figure that was computed. */
export function writePage({ models, proofs }: EconomicsResults): string {
  const all = [...models.flatMap(({ findings }) => findings), ...proofs];
  const failed = all.filter(({ holds }) => !holds);
  const head = [
    '# Economics',
    'Written by `npm run economics`, which computes all of it anew; do not edit. Where a rule is in the product, the model runs the product: audit rates, the sequential test, the split of a fee, tallies and budgets of the emission. A twin that is broken on purpose stands beside each result, so that a check could fail.',
    `${all.length} statements, ${failed.length === 0 ? 'all of them hold' : `${failed.length} do not hold`}. Formats: [emission](spec/emission.md), [settlement](spec/settlement.md), [audit plan](spec/audit-plan.md). Decisions: [economies](adr/economies.md).`,
    [
      '**In short.** Honesty pays where checks are cheap against the fee, or where what a provider earned lately can be taken. One per cent of a fee pays for auditing every reply only where an audit costs a hundredth of it; on everything that was measured it costs a fifth of the reply up to all of it. So a network keeps 4 % for verification and audits one reply in forty, and more of a key that has little to lose. Bonds deter validators in a minority, and not a quorum.',
      'Nobody gains by paying itself, because the emission never gives more than it took; for the same reason it does not make the supply grow, and the whitepaper’s curve is a ceiling. Burn-and-mint is safe up to an elasticity of 0.95; as its document has it, it is not.',
    ].join('\n'),
  ];
  const proven = [
    '## Proven',
    'The algebra, for all values in range, by the SMT solver Z3 (`lab/src/economics/propositions.ts`). Each statement has a twin with one thing wrong, which the solver refutes.',
    proofs.map(line).join('\n'),
  ];
  return `${[...head, ...models.map(section), ...proven].join('\n\n')}\n`;
}
