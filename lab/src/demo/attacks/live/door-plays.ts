import { bigComplaints } from '../../../attackers/protocol/network/big-complaints.ts';
import { ADDRESSES } from '../../../attackers/protocol/network/small-router.ts';
import { routeSquatting } from '../../../attackers/protocol/payers/route-squatting.ts';
import { idleLinks } from '../../../attackers/protocol/providers/idle-links.ts';
import { openPayer, placeOrder } from './consumer.ts';
import type { LiveNetwork, LivePlay } from './live-network.ts';

const LINKS = 400;
const TICKETS = 64;
const CERTIFICATES = 20;
const MIB = 1024 * 1024;

const describeAnswer = (isAnswered: boolean): string =>
  isAnswered ? 'a consumer asked meanwhile and got its answer' : 'a consumer asked meanwhile and got no answer';

/** Describes the fees that were credited during an attack. */
async function describeCredit({ creditAtomic }: LiveNetwork, before: bigint): Promise<string> {
  return `${(await creditAtomic()) - before} atomic units were credited`;
}

export const floodWithLinks: LivePlay = async (network) => {
  const { router, ask, restartRouter } = network;
  const before = await network.creditAtomic();
  const breaks = { path: () => undefined, add: () => () => {}, take: restartRouter };
  const held = await idleLinks.play({ door: router, links: LINKS, addresses: ADDRESSES }, breaks);
  try {
    if (held.opened === 0) throw new Error('no link came up: nothing was tried');
    const money = await describeCredit(network, before);
    const isAnswered = (await ask()) !== undefined;
    return {
      tried: `opened ${LINKS} links to the router under ${LINKS / 8} certificates from ${ADDRESSES.length} addresses`,
      answered: [`${held.opened} links came up`, describeAnswer(isAnswered)],
      money,
      worked: !isAnswered,
    };
  } finally {
    held.close();
  }
};

export const squatRoutes: LivePlay = async (network) => {
  const { router, modelId, ask } = network;
  const before = await network.creditAtomic();
  const asked = { door: router, model: modelId, tickets: TICKETS, addresses: ADDRESSES };
  const { tickets } = await routeSquatting.play(asked);
  if (tickets === 0) throw new Error('the router gave no ticket: nothing was tried');
  const money = await describeCredit(network, before);
  const isAnswered = (await ask()) !== undefined;
  return {
    tried: `asked the router for ${TICKETS} tickets from ${ADDRESSES.length} addresses, and ordered nothing`,
    answered: [`the router gave ${tickets} tickets`, describeAnswer(isAnswered)],
    money,
    worked: !isAnswered,
  };
};

export const floodWithComplaints: LivePlay = async (network) => {
  const [name = ''] = network.honestValidators();
  const { endpoint, certHash } = network.peer(name);
  const validator = network.addressOf(name);
  const payer = await openPayer(network, 'complainer', { validator, channelAtomic: 1n });
  const { signed: order } = await placeOrder(network, {
    ...{ payer, validator, provider: 'provider-1', maxFeeAtomic: 1n, cumulativeAtomic: 1n },
  });
  const asked = { certificates: CERTIFICATES, sizeBytes: 4 * MIB, localAddress: '127.0.1.1', order };
  const { askedFor, refusals } = await bigComplaints.play({ door: { endpoint, certHash }, ...asked });
  const isAnswered = (await network.ask()) !== undefined;
  const refused = Object.values(refusals).reduce((sum, count) => sum + count, 0);
  return {
    tried: `sent ${CERTIFICATES} complaints about an order that nobody admitted, with openings of 4 MiB, twice each`,
    answered: [
      `the validator asked for ${askedFor} openings, and refused ${refused} messages`,
      describeAnswer(isAnswered),
    ],
    money: 'none',
    worked: askedFor > 0 || refused < 2 * CERTIFICATES || !isAnswered,
  };
};
