import { createFindings, type EconomicModel, round } from '../finding.ts';

interface Action {
  readonly what: string;
  /** What it costs others, in fees of a usual reply. */
  readonly imposed: number;
  /** What whoever does it pays, as the network is. */
  readonly paid: number;
  /** What the rule of the notes would make it pay. */
  readonly wanted: number;
  readonly where: string;
}

const AUDIT = 0.5;

/** What an action that anybody can take costs others and costs whoever takes it. */
const ACTIONS: readonly Action[] = [
  {
    what: 'forced audit that finds nothing, beyond the ration',
    imposed: AUDIT,
    paid: 19,
    wanted: AUDIT,
    where: 'a twentieth of its replies',
  },
  {
    what: 'payer leaves after a window, and says so',
    imposed: 0.3,
    paid: 0.3,
    wanted: 0.3,
    where: 'prompt and acknowledged text',
  },
  { what: 'payer lets an order expire without a word', imposed: 0.3, paid: 0, wanted: 0.3, where: 'open problem' },
  {
    what: 'provider abandons an order and earns elsewhere',
    imposed: 0.01,
    paid: 0.01,
    wanted: 0.01,
    where: 'fine of a hundredth',
  },
  { what: 'provider abandons an order and earns nothing', imposed: 0.01, paid: 0, wanted: 0.01, where: 'open problem' },
  {
    what: 'verifier is silent for a fifth half hour of a day',
    imposed: 1,
    paid: 20,
    wanted: 2,
    where: '2 % of a stake of 1,000 fees',
  },
  {
    what: 'forged reply of a new key',
    imposed: 2 * AUDIT,
    paid: 1,
    wanted: 2 * AUDIT,
    where: 'its fee, and no entrance back',
  },
  {
    what: 'release of a channel before its replies settle',
    imposed: 1,
    paid: 1,
    wanted: 1,
    where: 'lien by any holder of a voucher',
  },
];

export function runGriefing(): EconomicModel {
  const { list, say } = createFindings();
  const cheap = ACTIONS.filter(({ paid, imposed }) => paid < imposed);
  say(
    'Every action costs whoever takes it what it imposes on others, but for two',
    cheap.length === 2,
    cheap.map(({ what }) => what).join('; '),
  );
  return {
    id: 'griefing',
    title: 'What a stranger can impose',
    summary:
      'Imposed against paid, in fees of a usual reply. The figures are inputs, read off the rules in docs/spec for a usual reply whose audit costs half of it; the two open ones stand in docs/open-problems.md.',
    findings: list,
    table: {
      head: ['action', 'imposed', 'paid', 'should be', 'by'],
      rows: ACTIONS.map(({ what, imposed, paid, wanted, where }) => [
        what,
        round(imposed),
        round(paid),
        round(wanted),
        where,
      ]),
    },
  };
}
