import { type Consequence, OPEN } from '../consequence.ts';

export const ORDER_ROWS: readonly Consequence[] = [
  {
    cause: 'A provider accepts an order and hands in neither a record nor a signed end.',
    control: 'provider',
    cost: 'A fine of 1 % of the maximum fee, from its earnings of the batch, and a failure in its reputation.',
    effect: "The payer's maximum fee stays held until the order expires. The payer pays nothing.",
    bound: `${OPEN} a key that earns nothing in the batch pays no [fine](deposits.md#fines). Witnesses have to state the silence. See [open problem 12](../open-problems.md#12-abandoned-orders-and-forced-audits-cost-little).`,
    places: [
      'packages/protocol/src/exchange/fee.ts#computeAbandonmentFine',
      'packages/protocol/src/verdict/verify-verdict.ts#computeAbandonmentFine',
      'packages/protocol/src/verdict/assert-silent.ts#assertUndelivered',
      'packages/validator/src/store/verdict-store.ts#computeAbandonmentFine',
      'packages/validator/src/audit/grace.ts#createGrace',
    ],
  },
  {
    cause: 'A provider ends an order that it accepted by a signed end, which says why.',
    control: 'provider; a payer, by its request',
    cost: 'The provider loses the fee of this order, and the payer its time.',
    effect: 'The maximum fee is free again at once, and a gateway orders from another provider.',
    bound:
      'A signed end is an answer: no [fine](deposits.md#fines), no mark and no failure follow. So a request costs an honest provider its own work at most.',
    places: [
      'packages/validator/src/store/verdict-store.ts#adjustChannel',
      'packages/gateway/src/buy/decide-next.ts#decideNext',
    ],
  },
  {
    cause: 'A provider breaks off behind a signed part of its reply.',
    control: 'provider',
    cost: 'The fee of the text behind its last milestone.',
    effect: 'The payer pays for the signed part, and another provider continues the text.',
    bound: 'Only text with a [milestone](progress.md#milestones) is paid, and the payer has this text.',
    places: [
      'packages/gateway/src/buy/follow-provider.ts#reportBroken',
      'packages/gateway/src/buy/report-attempt.ts#reportBroken',
      'packages/gateway/src/sealed/close-sealed.ts#reportBroken',
      'packages/validator/src/intake/accept-milestone.ts#acceptMilestone',
    ],
  },
  {
    cause: 'A payer signs no progress, and leaves or vanishes.',
    control: 'payer',
    cost: 'Its maximum fee stays held until the order expires, and it gets no more text.',
    effect: 'The provider made a prompt and one window of 2,048 bytes for nothing.',
    bound: `${OPEN} nobody can tell a silent payer from a provider that cuts replies short ([decision](deposits.md#decided-otherwise)). The [credit](order.md#consent) of the channel and budgets of new payers bound the loss.`,
    places: [
      'packages/protocol/src/verdict/reply-fee.ts#computeBilledFee',
      'packages/provider/src/modality/text/serve-text.ts#computeBilledFee',
    ],
  },
  {
    cause: 'A validator refuses an order after its provider has begun.',
    control: 'validator; payer, by an order that cannot be admitted',
    cost: 'The payer is served no more before an admission. The validator loses its share of the fee.',
    effect: 'The provider processed one prompt for nothing.',
    bound:
      'A provider begins early only for as many orders as were admitted in a row, four at most. A refusal ends that ([admissions](validator-intake.md#admissions)).',
    places: [
      'packages/provider/src/provider/paid/paying-payers.ts#createPayingPayers',
      'packages/provider/src/modality/text/serve-text.ts#payers.watch',
    ],
  },
  {
    cause: 'Orders come from an address, and no validator admits them.',
    control: 'callers from that address',
    cost: 'The budget of that address, 50 orders at once.',
    effect: 'Other new payers from that address wait.',
    bound:
      'Admitted orders earn room, and payers that paid before need none ([newcomers](validator-intake.md#newcomers)).',
    places: [
      'packages/provider/src/provider/orders/answer-order.ts#newcomers.enter',
      'packages/validator/src/intake/admit-order.ts#newcomers.enter',
      'packages/host/src/link/newcomer-budget.ts#createNewcomerBudget',
    ],
  },
  {
    cause: 'A payer leaves most of its standby orders untaken.',
    control: 'payer',
    cost: 'The standby price for each one that it leaves by a signature. Above half of them, providers refuse it.',
    effect: 'Each held a slot of a provider for some seconds.',
    bound:
      "An order without a signature counts as four. Untaken orders hold a quarter of a model's slots at most ([standby orders](progress.md#standby-orders)).",
    places: [
      'packages/provider/src/provider/orders/untaken-orders.ts#createUntakenOrders',
      'packages/provider/src/provider/serving/serve-context.ts#untaken.note',
    ],
  },
  {
    cause: 'Providers leave orders unanswered, and the bonds of the network have to cover them.',
    control: 'payer, provider',
    cost: "The payer's maximum fees stay held until the orders expire.",
    effect: 'A validator admits fewer orders of others.',
    bound: `${OPEN} one payer or provider has an eighth of the [room](earnings.md#bonds-behind-what-has-not-vested), and unpaid payers a half. They lock capital and lose none. See [open problem 17](../open-problems.md#17-a-quorum-decides-about-most-offences).`,
    places: [
      'packages/validator/src/intake/bond-room.ts#createBondRoom',
      'packages/validator/src/intake/admit-order.ts#room?.reserve',
    ],
  },
  {
    cause: "A payer's channel holds too little when its batch settles.",
    control: 'payer, together with validators that let settlement stand still',
    cost: 'Nothing beyond its money in the channel.',
    effect: 'The payees of its replies in this batch are not paid for them.',
    bound:
      'A voucher takes a lien. So settlement has to stand still for [two withdrawal delays](batches.md#payers-that-cannot-be-drawn), 32 hours at least.',
    places: [
      'packages/validator/src/settlement/collect.ts#findUncollectable',
      'packages/validator/src/settlement/propose-batch.ts#findUncollectable',
      'packages/validator/src/settlement/cosign/batch-check.ts#findUncollectable',
      'packages/validator/src/settlement/liens.ts#takeLien',
    ],
  },
  {
    cause: 'A validator leaves a provider unpaid, or admits more orders than a channel holds.',
    control: 'validator, in league with a payer',
    cost: 'Its share of the fees, and all further orders at this provider. A tenth of its bond for over-admission.',
    effect: 'The provider served replies without pay.',
    bound:
      'A provider gives one filling of a channel on [credit](order.md#consent). Pooled admissions [convict](over-admission.md#evidence) the validator.',
    places: [
      'packages/provider/src/provider/paid/receivables.ts#createReceivables',
      'packages/protocol/src/exchange/over-admission.ts#computeCapacity',
      'contracts/src/Cases.sol#takeBond',
      'contracts/src/Staking.sol#takeBond',
    ],
  },
  {
    cause: 'A payer complains without evidence.',
    control: 'payer; its clients, if it is a gateway',
    cost: 'Four audits in vain are free. Then fees of twenty other replies for one such fee.',
    effect: 'The reply is audited.',
    bound: `${OPEN} verifiers audit four replies of each payer for nothing ([limit](validator-intake.md#complaints)). See [open problem 12](../open-problems.md#12-abandoned-orders-and-forced-audits-cost-little).`,
    places: [
      'packages/validator/src/intake/complaint.ts#forceAudit',
      'packages/validator/src/store/replies/reply-changes.ts#forceAudit',
    ],
  },
  {
    cause: 'A payer sends no delivery statement, or sends it late.',
    control: 'payer',
    cost: 'Its own record counts for nothing.',
    effect: "The provider's record stands, and is audited and paid.",
    bound: 'Silence saves a payer nothing ([acknowledge](delivery.md#acknowledge)).',
    places: ['packages/validator/src/intake/accept-delivery.ts#late'],
  },
];
