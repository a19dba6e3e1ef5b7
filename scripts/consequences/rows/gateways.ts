import { type Consequence, OPEN } from '../consequence.ts';

export const GATEWAY_ROWS: readonly Consequence[] = [
  {
    cause: "A reply fails a gateway's check, or its provider withholds the opening or a blob.",
    control: 'provider',
    cost: 'A day without orders of this gateway, and an audit.',
    effect: 'The client gets an error or another provider. The verdict decides about the fee.',
    bound:
      'The checks read bytes that the provider signed. A [complaint](validator-intake.md#complaints) forces an audit and moves nothing else.',
    places: [
      'packages/gateway/src/buy/report-attempt.ts#accuseProvider',
      'packages/gateway/src/buy/check/check-reply.ts#accuseProvider',
      'packages/gateway/src/buy/check/check-reply.ts#reportToRouter',
      'packages/gateway/src/buy/match/provider-match.ts#EXCLUSION_MS',
    ],
  },
  {
    cause: 'A provider breaks off before it has signed any part.',
    control: 'provider',
    cost: 'The fee. A complaint has its record audited if one comes later.',
    effect: 'The gateway tries another provider, and asks the validator if it is there.',
    bound: 'The complaint names no finding. Reputation falls only by an entry of the [log](verdict-log.md#entry).',
    places: [
      'packages/gateway/src/buy/follow-provider.ts#accuseProvider',
      'packages/gateway/src/sealed/follow-sealed.ts#accuseProvider',
      'packages/gateway/src/sealed/close-sealed.ts#accuseProvider',
      'packages/gateway/src/sealed/broken-replies.ts#accuseProvider',
    ],
  },
  {
    cause: 'A provider says that no validator has admitted its order.',
    control: 'provider, validator',
    cost: 'A refusal at the router, if the validator answers the gateway.',
    effect: 'After three in a row the gateway orders under another validator.',
    bound:
      'The gateway asks the validator itself, and leaves one once a minute at most ([order not admitted](canary.md#how-a-canary-is-bought)).',
    places: [
      'packages/gateway/src/buy/follow-provider.ts#noteRefused',
      'packages/gateway/src/buy/validator-choice.ts#noteRefused',
    ],
  },
  {
    cause: 'A gateway has more unanswered orders before a provider than it may send.',
    control: 'gateway, provider',
    cost: 'Its further orders wait for a place, or go elsewhere.',
    effect: 'The provider is not at fault: the ticket returns as `unused`.',
    bound: 'Each answer makes room for one more ([newcomers](validator-intake.md#newcomers)).',
    places: [
      'packages/gateway/src/buy/order-pacing.ts#createOrderPacing',
      'packages/gateway/src/buy/follow-provider.ts#UnsentOrderError',
    ],
  },
  {
    cause: 'A client says that a sealed reply cannot be opened, or is wrong.',
    control: 'client',
    cost: 'The fee of the reply, unless its audit finds a fault.',
    effect: 'Its own account is not served by this provider for an hour. Neither are others after three such accounts.',
    bound:
      'A report counts for others only after a complaint, and each account has a [ration](validator-intake.md#complaints) of them. More good reports outweigh it ([sealed calls](sealed-calls.md#outcome)).',
    places: [
      'packages/gateway/src/sealed/doubted-providers.ts#LEAST_ACCOUNTS',
      'packages/gateway/src/sealed/sealed-calls.ts#doubted.note',
      'packages/gateway/src/sealed/broken-replies.ts#doubted.note',
    ],
  },
  {
    cause: 'A provider refuses a sealed request after its offer.',
    control: 'provider; client, by sealed bytes',
    cost: 'The fee, and no draws.',
    effect: 'The client asks again.',
    bound: `${OPEN} the gateway cannot read the request, so it reports \`unused\` and no router counts the refusal. See [open problem 27](../open-problems.md#27-fast-paths-leave-some-work-without-a-bound).`,
    places: ['packages/gateway/src/sealed/follow-sealed.ts#request_refused'],
  },
  {
    cause: 'A client takes sealed offers and sends no request.',
    control: 'client',
    cost: 'After sixteen its key has one offer at a time.',
    effect: 'Each held a slot of a provider for 30 s.',
    bound:
      'The limit is for each key or organisation. A router counts slots of one address by its [share](match.md#busy) alone.',
    places: [
      'packages/gateway/src/sealed/sealed-calls.ts#untaken.note',
      'packages/gateway/src/sealed/untaken-offers.ts#createUntakenOffers',
    ],
  },
  {
    cause: 'A payer of scheme `upto` moves its tokens away before the fee is taken.',
    control: 'payer',
    cost: 'The payer is served no more.',
    effect: 'The gateway pays the provider and gets no fee.',
    bound: `${OPEN} \`--upto-limit\` bounds the loss of a day ([payments](../accounts.md)). See [open problem 25](../open-problems.md#25-payments-after-the-request-trust-their-payer).`,
    places: ['packages/gateway/src/books/permit-store.ts#lost'],
  },
  {
    cause: 'A purchase of an agent ends without a receipt.',
    control: 'gateway; the agent, by a cancelled call',
    cost: 'The gateway gets only fees that a payer has signed for.',
    effect: 'It counts as the dearest purchase so far in the budget of the agent.',
    bound: "The budget is this process's own. A cancelled purchase goes on to its receipt ([agents](../agents.md)).",
    places: ['packages/mcp/src/fee-meter.ts#boundFee'],
  },
];
