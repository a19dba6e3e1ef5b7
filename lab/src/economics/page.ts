import type { EconomicModel, EconomicStatement } from './finding.ts';

export interface EconomicsResults {
  readonly models: readonly EconomicModel[];
  readonly proofs: readonly EconomicStatement[];
}

const TWIN = 'Broken twin';
/** Longer figures are left to `npm run economics`. */
const LONGEST_DETAIL = 90;
const MOST_ROWS = 14;

function formatStatement({ claim, holds, detail }: EconomicStatement): string {
  const isShort = detail !== '' && detail.length <= LONGEST_DETAIL;
  return `- ${holds ? '' : '**Does not hold.** '}${claim}.${isShort ? ` *${detail}.*` : ''}`;
}

function formatTable({ head, rows }: NonNullable<EconomicModel['table']>): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** Returns the statements that a reader needs. A broken twin appears only if it fails to break. */
const selectStatements = (statements: readonly EconomicStatement[]): readonly EconomicStatement[] =>
  statements.filter(({ claim, holds }) => !holds || !claim.startsWith(TWIN));

function formatModel({ title, summary, findings, table }: EconomicModel): string {
  const parts = [`## ${title}`, summary, selectStatements(findings).map(formatStatement).join('\n')];
  if (table && table.rows.length <= MOST_ROWS) parts.push(formatTable(table));
  return parts.join('\n\n');
}

/** Returns docs/economics.md: the statements of every model and the number of proven propositions. */
export function writePage({ models, proofs }: EconomicsResults): string {
  const findings = models.flatMap((model) => model.findings);
  const failed = [...findings, ...proofs].filter(({ holds }) => !holds);
  const twins = findings.filter(({ claim }) => claim.startsWith(TWIN)).length;
  const head = [
    '# Economics',
    '`npm run economics` computes and writes this page, and prints every figure behind it. The models run the rules of the product itself: audit rates, the sequential test, fee shares, tallies and budgets of the emission.',
    `${findings.length - twins} statements about models, ${twins} models that are broken on purpose, and ${proofs.length} proven propositions: ${failed.length === 0 ? 'all of them hold' : `${failed.length} do not hold`}. A broken model shows that its check can fail. Formats: [emission](spec/emission.md), [settlement](spec/settlement.md), [audit plan](spec/audit-plan.md).`,
    [
      '**In short.** Honesty pays if checks are cheap against the fee, or if the recent earnings of a provider can be taken. One per cent of a fee pays for auditing every reply only if an audit costs a hundredth of the reply. Every measured audit costs a fifth of the reply or more. So a network keeps 4 % for verification, audits one reply in forty, and audits more of the keys that hold little. Bonds deter a minority of validators, and not a quorum.',
      'Nobody gains by paying itself, because the emission never gives more than it took. For the same reason it does not make the supply grow, and the whitepaper’s curve is a ceiling. Burn-and-mint is safe up to an elasticity of 0.95. Its original document allows more, which is not safe.',
    ].join('\n'),
  ];
  const proven = [
    '## Proven',
    `The SMT solver Z3 proves ${proofs.length} propositions for all values in range (\`lab/src/economics/propositions.ts\`). Each has a twin with one mistake, which the solver refutes.`,
    ...(failed.length === 0 ? [] : [failed.map(formatStatement).join('\n')]),
  ];
  return `${[...head, ...models.map(formatModel), ...proven].join('\n\n')}\n`;
}
