import { type Consequence, OPEN } from '../consequence.ts';

export const AUDIT_ROWS: readonly Consequence[] = [
  {
    cause: 'A record comes after the deciding epoch that its order names.',
    control: 'provider; validator, by its clock',
    cost: 'An audit is certain.',
    effect: 'Verifiers have one more job, which is paid by tokens.',
    bound:
      'An honest provider loses nothing by an [audit](audit-selection.md#deciding-epoch), and the beacon of a later epoch draws the verifiers.',
    places: ['packages/protocol/src/audit/deciding-epoch.ts#computeDecidingEpoch'],
  },
  {
    cause: 'A provider refuses the opening of its own record to validator and witnesses.',
    control: 'provider',
    cost: 'The fee, a failure in its reputation, and a step of the test of lateness.',
    effect: 'The payer pays nothing.',
    bound:
      'A record binds its provider. Four answers without the opening are needed, and a copy of the payer [ends the wait](validator-audits.md#lateness).',
    places: [
      'packages/validator/src/audit/opening-fetch.ts#withheld',
      'packages/protocol/src/verdict/log-step.ts#late',
      'packages/protocol/src/settlement/log-tests.ts#countLateness',
    ],
  },
  {
    cause: "A provider's opening does not come within the window.",
    control: 'provider; its network; a payer, by the size of its request',
    cost: 'The fee, and a step of the test of lateness, once for an outage.',
    effect: 'The payer pays nothing.',
    bound:
      'The time follows the size of the opening, and an unreachable provider has twice of it. Witnesses ask as often ([lateness](validator-audits.md#lateness)).',
    places: ['packages/validator/src/audit/patience.ts#createPatience'],
  },
  {
    cause: 'A validator never asks for an opening, or has no place for it.',
    control: 'validator; a payee whose openings are slow',
    cost: "The validator's share of the fee, and its credit at the provider.",
    effect: 'The provider is not paid for this reply.',
    bound:
      'Such an entry comes a day after the expiry, with witnesses. One call has one deadline, places are shared among payees, and [nothing is charged](validator-audits.md#lateness).',
    places: [
      'packages/validator/src/audit/opening-fetch.ts#unasked',
      'packages/protocol/src/verdict/assert-silent.ts#unasked',
      'packages/validator/src/audit/conduct-audit.ts#unasked',
    ],
  },
  {
    cause: 'The audit of a reply ends without an accept.',
    control: 'provider; the drawn verifiers',
    cost: 'A provider owes 60 fees for one such audit of forty.',
    effect: 'The payer pays nothing for an unjudged reply. Fees of the next replies are burnt until the debt is paid.',
    bound:
      'The factor makes [audits without a result](sequential-test.md#audit-balance) cost more than forged replies gain. For its abuse by verifiers see [verifiers](#verifiers).',
    places: [
      'packages/protocol/src/verdict/audit-charge.ts#computeCharge',
      'packages/protocol/src/verdict/verify-verdict.ts#computeCharge',
      'packages/validator/src/store/verdict-store.ts#computeCharge',
      'packages/protocol/src/settlement/audit-balance.ts#paysDebt',
    ],
  },
  {
    cause: "A key's or payee's tests reach their limit.",
    control: 'provider',
    cost: 'Ejection: held earnings and the bond of the key are forfeited.',
    effect: 'Nobody gains: the verification recipient gets them, and a quorum or panel can lift it.',
    bound:
      'At most [one honest payee in a thousand](sequential-test.md#the-step) is ejected in its whole life. Only repeated findings step the test.',
    places: [
      'packages/protocol/src/settlement/log-tests.ts#countEntry',
      'packages/validator/src/settlement/cosign/count-log.ts#countEntry',
      'packages/validator/src/store/replies/refused-store.ts#countEntry',
      'packages/validator/src/store/verdict-store.ts#countEntry',
      'packages/validator/src/store/batch-store.ts#countEntry',
      'contracts/src/Settlement.sol#_eject',
      'contracts/src/Earnings.sol#forfeit',
    ],
  },
  {
    cause: 'A validator reports nothing about a honeypot that the beacon drew.',
    control: 'validator',
    cost: 'Its share of the fee, and its credit at the provider.',
    effect: 'The reply is unjudged and unpaid, and its provider is charged nothing.',
    bound:
      'A provider stops at one filling of unpaid [credit](order.md#consent). The validator spares a friend at most the result of one honeypot ([honeypots](honeypots.md#answer)).',
    places: [
      'packages/protocol/src/verdict/audit-charge.ts#isUntold',
      'packages/protocol/src/verdict/judge.ts#isUntold',
    ],
  },
  {
    cause: 'Co-signers refuse an entry.',
    control: 'handling validator; a third of the stake',
    cost: "The validator's share of the fee. A refusal costs nothing.",
    effect: 'The entry waits, or leaves the log and is paid by nobody.',
    bound: `${OPEN} removal takes a [quorum](co-signing.md#refused-entries), but a third of the stake can hold up a log. See [open problem 7](../open-problems.md#7-an-entry-that-co-signers-disagree-about-holds-up-its-log).`,
    places: [
      'packages/validator/src/store/replies/refused-store.ts#adjustChannel',
      'packages/validator/src/settlement/cosign/entry-check.ts#checkEntry',
    ],
  },
  {
    cause: 'A validator leaves known verifiers out of a list.',
    control: 'validator',
    cost: 'The entry: co-signers refuse it if half of the stake is missing.',
    effect: 'Left out verifiers are not drawn, and friends are.',
    bound: `${OPEN} half of the stake and the largest payee may be [missing](candidate-lists.md#missing-stake). See [open problem 5](../open-problems.md#5-lists-of-candidates-have-room-for-error).`,
    places: [
      'packages/protocol/src/audit/candidate-stakes.ts#isListLacking',
      'packages/validator/src/settlement/cosign/check-lists.ts#isListLacking',
      'packages/validator/src/audit/draw-round.ts#isListLacking',
    ],
  },
];
