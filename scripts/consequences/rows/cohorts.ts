import { type Consequence, OPEN } from '../consequence.ts';

export const COHORT_ROWS: readonly Consequence[] = [
  {
    cause: 'A shard fails, or gives no root of its rows.',
    control: 'shard; its network',
    cost: 'Its part of the fee. The leader leaves it out for 15 s, or for five minutes without a root.',
    effect: 'Another shard takes its place in exact classes. Without a root the leader signs no record.',
    bound: `${OPEN} a payer with a key among the shards gets answers for nothing until each leader leaves that key out. See [open problem 22](../open-problems.md#22-a-cohort-is-audited-only-where-a-machine-holds-the-whole-model).`,
    places: [
      'packages/provider/src/provider/cohort/lead-cohort.ts#pauses.note',
      'packages/provider/src/cohort/member-pauses.ts#LONGEST_PAUSE_MS',
    ],
  },
  {
    cause: 'A shard is full and refuses an order.',
    control: 'shard; leaders that hold its sequences',
    cost: 'Its part of the fee.',
    effect: 'The order fails at its leader.',
    bound:
      'A refusal for lack of room begins no pause. Orders without admission hold [half of the sequences](shard.md#admit) for 10 s at most.',
    places: [
      'packages/provider/src/provider/cohort/lead-cohort.ts#watchShard',
      'packages/provider/src/shard/shard-sequences.ts#mostWaiting',
    ],
  },
  {
    cause: 'A leader hands in no record of a reply.',
    control: 'leader',
    cost: 'The fee, and a fine unless it signs an end.',
    effect: 'Its shards computed for nothing.',
    bound:
      "A shard has a mark of each leader without a [receipt](shard.md#receipts-of-roots). The work that one leader's payee leaves unpaid has a limit.",
    places: ['packages/provider/src/shard/kept-roots.ts#receipt-missing'],
  },
  {
    cause: 'A leader replaces a shard near the end of a reply.',
    control: 'leader',
    cost: 'All rows are computed again, and all its replies wait.',
    effect: 'The replaced shard is not paid for this reply.',
    bound:
      'The leader gains nothing but the part of another shard, which computed all of it. The log shows the replacement ([limits](shard.md#how-strong-is-this)).',
    places: ['packages/provider/src/shard/chain-recovery.ts#install'],
  },
  {
    cause: 'An audit rejects the rows of one shard.',
    control: 'that shard',
    cost: 'A step of its tests and its debt.',
    effect: 'No shard is paid for this reply, and the payer owes nothing.',
    bound:
      'Evidence names the culprit, and counts for its key alone ([blame](cohorts.md#blame)). The shard loses its held earnings by an ejection.',
    places: ['packages/protocol/src/settlement/cohort.ts#findAccountable'],
  },
];
