import { type Consequence, OPEN } from '../consequence.ts';

export const SERVICE_ROWS: readonly Consequence[] = [
  {
    cause: 'A node does not pay its relay.',
    control: 'node',
    cost: 'Its links end, and callers receive busy.',
    effect: 'The relay carried up to its credit for nothing, 64 MiB by default.',
    bound:
      'The relay sets the credit. All nodes of one address have eight credits, and as many a day ([payment](relay.md#payment)).',
    places: [
      'packages/router/src/relay/relay-payments.ts#creditBytes',
      'packages/router/src/relay/address-credit.ts#CREDITS_OF_ADDRESS',
    ],
  },
  {
    cause: 'Callers send bytes through a relay, and end the link.',
    control: 'callers',
    cost: 'Their own traffic.',
    effect: 'The node pays its relay for bytes after its own first answer.',
    bound:
      'Bytes before that are [charged](relay.md#counting-bytes) to the caller. A node that ends a link is charged nothing more.',
    places: ['packages/router/src/relay/byte-meter.ts#createByteMeter'],
  },
  {
    cause: 'A relay drops a node, or refuses its callers.',
    control: 'relay',
    cost: 'The pay for the bytes.',
    effect: 'Callers cannot reach the node through it. The node misses orders and tests.',
    bound:
      'A node registers with two [relays](relay.md#finding-one) and returns within seconds. An unreachable provider has twice the time for openings.',
    places: [
      'packages/router/src/relay/relay-service.ts#register',
      'packages/provider/src/provider/announcing/find-relays.ts#findRelays',
    ],
  },
  {
    cause: 'A storage provider proves nothing in an epoch of a pin.',
    control: 'storage provider; its chain node',
    cost: 'The fee of that epoch.',
    effect: 'The fee returns to the payer.',
    bound: 'Any account may send the [proof](pins.md#epochs), and nobody can stop one. No other epoch is touched.',
    places: [
      'contracts/src/Pins.sol#returnMissed',
      'packages/chain/src/registry/pins.ts#returnMissed',
      'packages/storage/src/pins/prove-pins.ts#createPinProver',
    ],
  },
  {
    cause: 'A payer cancels the offer of a pin, or names a wrong root or a slow place.',
    control: 'payer',
    cost: 'The gas of the offer.',
    effect: 'The storage provider fetched the blob for nothing, and other offers waited.',
    bound: `${OPEN} room and terms are the provider's own. See [open problem 24](../open-problems.md#24-offers-of-pins-cost-their-payer-little).`,
    places: ['packages/storage/src/pins/review-offers.ts#MAX_FAILURES', 'contracts/src/Pins.sol#cancel'],
  },
  {
    cause: 'A machine of a confidential tier shows evidence that fails, or cannot be reached.',
    control: 'provider',
    cost: 'Validators refuse its records until it passes. Without a renewed entry it gets no draws.',
    effect: 'Its last orders are not paid.',
    bound:
      'An unreachable machine has shown nothing, and its entry holds for up to [a week](machine-registry.md#certifying). Each validator asks with a nonce of its own.',
    places: [
      'packages/validator/src/machines/step-machines.ts#stepMachines',
      'packages/validator/src/machines/certify-machine.ts#findMachineProblem',
      'packages/router/src/machine-standing.ts#createMachineStanding',
    ],
  },
  {
    cause: "A provider's key vouched for a forged machine, or for one that was revoked long before.",
    control: 'provider',
    cost: 'Ejection, and a tenth of the stake for a forged machine.',
    effect: 'None.',
    bound:
      'The proof needs signatures of the provider, and no clock or policy of others ([ejection](machine-registry.md#ejection)).',
    places: [
      'packages/validator/src/machines/eject-machine.ts#ejectForMachine',
      'contracts/src/Settlement.sol#ejectForMachine',
    ],
  },
  {
    cause: 'A price feed is silent, or far from the others.',
    control: 'feed',
    cost: 'Nothing.',
    effect: 'Without half of the feeds there is no price. Then nobody tops up and no epoch closes.',
    bound:
      'Quotes of [more than half](burn-and-mint.md#prices) of the feeds suffice. Deposits, settlements and withdrawals need no price.',
    places: ['contracts/src/PriceOracle.sol#_readQuotes', 'packages/validator/src/prices/step-prices.ts#postPrice'],
  },
];
