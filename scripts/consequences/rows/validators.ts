import { type Consequence, OPEN } from '../consequence.ts';

export const VALIDATOR_ROWS: readonly Consequence[] = [
  {
    cause: 'A validator sends nothing to the beacon.',
    control: 'validator',
    cost: 'Nothing but its influence.',
    effect: 'Epochs come late. Without a third of the stake none comes.',
    bound: `${OPEN} less than a third delays [a view](beacon.md#why-it-does-not-stand-still), or nothing at all. A third stops all. See [open problem 8](../open-problems.md#8-a-third-of-the-stake-that-leaves-at-once-stops-the-beacon).`,
    places: [
      'packages/protocol/src/beacon/beacon-machine.ts#viewTimeoutMs',
      'packages/protocol/src/beacon/threshold/partials.ts#partials',
    ],
  },
  {
    cause: 'A validator sends an invalid message of the beacon.',
    control: 'validator',
    cost: 'Peers ignore it for half a resend time.',
    effect: 'One check in vain.',
    bound:
      'A link authenticates the sender, and honest validators pass on only messages that they have [checked](threshold-beacon.md#parts).',
    places: [
      'packages/protocol/src/beacon/threshold/epoch-machine.ts#doubted.begin',
      'packages/protocol/src/beacon/threshold/key-state.ts#doubted.begin',
      'packages/protocol/src/beacon/threshold/deal-steps.ts#doubted.begin',
      'packages/validator/src/beacon/epoch-driver.ts#doubted.begin',
    ],
  },
  {
    cause: 'A dealer leaves a complaint unanswered for two phases, or signs two deals.',
    control: 'dealer',
    cost: 'Its deal does not count in this attempt, after two deals in no later one.',
    effect: 'The key is made of the other deals.',
    bound:
      "Any member may pass the answer on. A false [complaint](beacon-keys.md#complaints) shows the complainer's own share alone.",
    places: [
      'packages/protocol/src/beacon/threshold/key-state.ts#complaints',
      'packages/protocol/src/beacon/threshold/outcome-steps.ts#objectTo',
    ],
  },
  {
    cause: 'A validator does not co-sign a batch.',
    control: 'validator',
    cost: "Its part of the co-signers' pot for this batch.",
    effect: 'The other signers share it. Without two thirds of the stake nothing settles.',
    bound:
      'Nothing is [lost](batches.md#proposing-a-batch) while a batch waits. Pots are shared by votes, not by the proposer.',
    places: ['packages/validator/src/settlement/gather-signatures.ts#signatures', 'contracts/src/Cosigners.sol#claim'],
  },
  {
    cause: "A proposer sends its batch without a co-signer's signature.",
    control: 'proposer',
    cost: 'Nothing: signatures of two thirds of the votes suffice.',
    effect: 'This co-signer has no part of the pot for this batch, and the others have more.',
    bound: `${OPEN} an answer counts as absence here. The loss is the co-signer's part of one [batch](settlement.md#co-signers). It proposes batches of its own.`,
    places: [
      'packages/validator/src/settlement/gather-signatures.ts#pickFewest',
      'packages/validator/src/settlement/gather-peer-signatures.ts#pickFewest',
      'contracts/src/Settlement.sol#_payCosigners',
    ],
  },
  {
    cause: 'A second recipient does not answer a co-signer.',
    control: 'second recipient',
    cost: 'Nothing.',
    effect: 'The co-signer signs without it after 5 s.',
    bound:
      'The beacon draws [three](delivery.md#second-recipients), and any one with another record is enough for a refusal.',
    places: ['packages/validator/src/settlement/cosign/contradicting-deliveries.ts#askSecondRecipients'],
  },
  {
    cause: "A validator's report of tests is far from those of the others.",
    control: 'validator',
    cost: 'Half of its weight in these reports at routers. No stake.',
    effect: 'Its claims about providers count less.',
    bound:
      'Its report is compared with the [median](canary.md#what-follows) by stake. It recovers an eighth with each report near it.',
    places: [
      'packages/router/src/liveness-reader.ts#updateCredit',
      'packages/protocol/src/audit/liveness.ts#updateCredit',
    ],
  },
];
