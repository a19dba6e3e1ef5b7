import { type Consequence, OPEN } from '../consequence.ts';

export const ROUTING_ROWS: readonly Consequence[] = [
  {
    cause: 'A settled entry rejects a reply, or calls it abandoned.',
    control: 'provider',
    cost: 'Reputation: a failure weighs as much as a mean fee of the key.',
    effect: 'Routers draw the provider less, and others more.',
    bound: 'A quorum signs the log, and only [entries](match.md#reputation) of three periods count.',
    places: [
      'packages/protocol/src/exchange/reputation.ts#computeReputationPpm',
      'packages/router/src/supply.ts#computeReputationPpm',
      'packages/router/src/reputation-reader.ts#isFailure',
    ],
  },
  {
    cause: 'A provider declines an order for which it had announced a free slot.',
    control: 'provider; callers, by their reports',
    cost: 'Draws for 15 s, four times as long for each further refusal, ten minutes at most.',
    effect: 'The gateway tries another provider.',
    bound: `${OPEN} callers at most of the addresses that use a provider can report false refusals for [nothing](match.md#busy). See [open problem 10](../open-problems.md#10-a-refusal-is-its-callers-statement).`,
    places: [
      'packages/router/src/refusals.ts#createRefusals',
      'packages/router/src/router-service.ts#refusals.note',
      'packages/protocol/src/exchange/believed-capacity.ts#computeBelievedCapacity',
      'packages/gateway/src/buy/follow-provider.ts#reportRefusal',
    ],
  },
  {
    cause: 'Providers call a request invalid.',
    control: 'client',
    cost: 'The client gets no answer.',
    effect: 'No draw changes unless another provider takes the request.',
    bound:
      'If none takes it, all tickets return as `unused`: a client with odd requests makes nobody look [busy](match.md#busy).',
    places: ['packages/gateway/src/buy/reply-service.ts#reportRefused'],
  },
  {
    cause: 'Callers hold tickets and order nothing.',
    control: 'callers',
    cost: 'Nothing.',
    effect: 'Slots of a provider look taken.',
    bound: 'Of each other address only its [share](match.md#busy) of the slots counts. A ticket expires by itself.',
    places: ['packages/router/src/outstanding.ts#countFor'],
  },
  {
    cause: 'Callers report a provider as slow or fast.',
    control: 'callers',
    cost: 'A ticket, which is free.',
    effect: 'Under a preference for speed it is drawn up to 256 times less or more often.',
    bound: `${OPEN} the [median](match.md#figures) of reporting addresses counts, so it takes most of them. See [open problem 13](../open-problems.md#13-routers-and-callers-are-believed-about-providers).`,
    places: ['packages/router/src/figures.ts#createFigures', 'packages/router/src/router-service.ts#figures.observe'],
  },
  {
    cause: 'A provider leaves tests of validators unanswered, or ends them.',
    control: 'provider; two gateways in league',
    cost: 'Reputation in proportion, down to a sixteenth.',
    effect: 'Routers draw others more.',
    bound:
      'No payer chooses a test. A miss needs [two gateways](canary.md#how-a-canary-is-bought) of one validator, and claims of more than half of the stake.',
    places: [
      'packages/protocol/src/audit/liveness.ts#computeLivenessPpm',
      'packages/router/src/liveness-reader.ts#computeLivenessPpm',
      'packages/validator/src/canary/buy-canary.ts#MISSES',
      'packages/validator/src/canary/canaries.ts#createCanaries',
    ],
  },
  {
    cause: 'A verifier misses a timed challenge, or refuses it.',
    control: 'verifier',
    cost: 'Reputation of its provider, as for other tests.',
    effect: 'Routers draw others more.',
    bound:
      'The beacon writes the [work](timed-challenge.md#the-challenge), so a refusal counts as a miss here. A validator that is cut off counts none.',
    places: [
      'packages/validator/src/canary/timed.ts#isConnected',
      'packages/protocol/src/audit/timed-challenge.ts#advanceSequentialTest',
      'packages/protocol/src/statistics/sprt.ts#advanceSequentialTest',
    ],
  },
  {
    cause: "A provider's link to its router ends, or another router calls it gone.",
    control: 'provider, router',
    cost: 'No draws until it is back.',
    effect: 'Gateways order from others.',
    bound:
      "A router's statement counts for [announcements](match.md#supply-that-is-handed-on) that it handed on itself. A link of the provider's own counts more.",
    places: ['packages/router/src/listings.ts#evict', 'packages/router/src/hand-supply.ts#handSupply'],
  },
  {
    cause: 'Callers ask for a model that nobody serves.',
    control: 'strangers',
    cost: 'Nothing.',
    effect: 'Providers that serve from the hub fetch the model.',
    bound: `${OPEN} addresses are cheap. The provider's own budget of a day bounds its traffic ([demand](match.md#demand)). See [open problem 9](../open-problems.md#9-identities-of-strangers-are-free).`,
    places: [
      'packages/router/src/match-request.ts#demand.note',
      'packages/router/src/demand.ts#createDemand',
      'packages/provider/src/provider/hub/hub-room.ts#budget',
    ],
  },
  {
    cause: 'A router does not answer, or signs a ticket that its own list refutes.',
    control: 'router',
    cost: 'It is asked last for 30 s. A false ticket costs a tenth of its stake, once a day.',
    effect: 'The gateway asks the next router.',
    bound:
      'A gateway accepts no such ticket, and its own bytes convict the router ([misrouting](match.md#misrouting)).',
    places: [
      'packages/gateway/src/buy/match/routers.ts#doubtMs',
      'packages/gateway/src/buy/match/keep-misrouted.ts#keepMisrouted',
      'contracts/src/Cases.sol#takeStake',
      'contracts/src/Staking.sol#takeStake',
    ],
  },
];
