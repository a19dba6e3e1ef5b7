import { createProviderMatch, type Match } from '@ogong/gateway/buy/match/provider-match';
import { createRouters } from '@ogong/gateway/buy/match/routers';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import {
  type Candidate,
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { findMisrouting, isNamedList } from '@ogong/protocol/exchange/misrouting';
import { signTicket, type Ticket, verifyTicket } from '@ogong/protocol/exchange/ticket';
import { ProviderService, type RouteRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE } from '@ogong/protocol/modality/shared/preference-fields';
import type { Bend, Network } from '@ogong/testing/provider/provider-fixture';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { defineAttack } from '../define-attack.ts';

const MODEL = 'ogong/verified/test/ticketed';
const NOW_MS = 1_800_000_000_000;
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const routerSigner = createNodeHybridSigner(fill(64, 0x76));
const STRANGER = fill(20, 0x5e);

const offers = Array.from({ length: 3 }, (_, n) => ({
  ...{ providerId: fill(32, n + 1), payee: fill(20, n + 1), modelId: MODEL, contextSize: 4_096, freeCapacity: 9 },
  ...{ pricePer1kAtomic: 100n, stakeAtomic: 0n, reputationPpm: 500_000, expiresAtMs: NOW_MS + 60_000 },
}));

/** Fields in which a ticket differs from the list that it names. */
const TICKET_LIES: Readonly<Record<string, (true_: Ticket) => Partial<Ticket>>> = {
  payee: () => ({ payee: STRANGER }),
  context: ({ contextSize }) => ({ contextSize: contextSize / 2 }),
  price: ({ pricePer1kAtomic }) => ({ pricePer1kAtomic: 2n * pricePer1kAtomic }),
  provider: ({ providerId }) => ({ providerId: fill(32, (providerId[0] as number) === 1 ? 2 : 1) }),
  model: () => ({ modelId: 'ogong/verified/test/cheaper' }),
  list: () => ({ candidatesHash: fill(32, 9) }),
  reply: () => ({ replyId: fill(16, 9) }),
};

/** Fields in which ticket, list and order differ from the provider's announcement. */
const ANNOUNCED_LIES: Readonly<Record<string, Bend>> = {
  payee: { order: (order) => ({ ...order, payee: STRANGER }), ticket: (ticket) => ({ ...ticket, payee: STRANGER }) },
  'less context': {
    order: (order) => ({ ...order, contextSize: order.contextSize / 2 }),
    ticket: (ticket) => ({ ...ticket, contextSize: ticket.contextSize / 2 }),
  },
  'more context': {
    order: (order) => ({ ...order, contextSize: order.contextSize * 2 }),
    ticket: (ticket) => ({ ...ticket, contextSize: ticket.contextSize * 2 }),
  },
  price: {
    order: (order) => ({ ...order, pricePer1kAtomic: order.pricePer1kAtomic / 2n }),
    ticket: (ticket) => ({ ...ticket, pricePer1kAtomic: ticket.pricePer1kAtomic / 2n }),
  },
  'ticket alone': { ticket: (ticket) => ({ ...ticket, payee: STRANGER }) },
};

/** Parts of the provider's reasons, by lie. */
const DECLINED: Readonly<Record<string, string>> = {
  payee: "this provider's is",
  'less context': 'here it holds',
  'more context': 'here it holds',
  price: 'the price is',
  'ticket alone': 'ticket and order disagree',
};

/** A router signs for other terms than its list has, or than the provider announced. */
export const lyingTicket = defineAttack({
  name: 'lying-ticket',
  adversary: 'router that signs a ticket with another payee, context, price or provider than listed',
  aim: 'have another payee earn, have a friend drawn, or have replies fail whose provider did nothing wrong',
  stoppedBy:
    'A ticket that differs from its list proves it and is refused; a provider refuses terms other than its own',
  restarts: ['provider'],
  async play(network: Network, breaks) {
    breaks.add('provider', network.restart);
    const refused: Record<string, string | undefined> = {};
    const evidence: string[] = [];
    const isTaken = (await match(() => ({}), [], 'none')) === undefined;
    for (const [what, lie] of Object.entries(TICKET_LIES)) refused[what] = await match(lie, evidence, what);
    let nonce = 0;
    const isServed = (await order(network, { nonce: ++nonce })) === undefined;
    await breaks.take();
    const declined: Record<string, string | undefined> = {};
    for (const [what, bend] of Object.entries(ANNOUNCED_LIES)) {
      declined[what] = await order(network, { ...bend, nonce: ++nonce });
    }
    return { answered: isTaken && isServed, refused, evidence, declined };
  },
  async stage({ play, keep }) {
    const network = keep(await createNetwork());
    const { answered, refused, evidence, declined } = await play(network);
    const said = { ...refused, ...declined };
    return {
      tried: `${answered ? 'had a true ticket served' : 'had no true ticket served'}, then lied in ${Object.keys(said).join(', ')}`,
      answered: [
        ...Object.entries(said).map(([what, why]) => `${what}: ${why ?? 'it was taken'}`),
        `tickets that lie in ${evidence.join(', ')} are evidence by themselves`,
      ],
      worked:
        !answered ||
        Object.values(refused).includes(undefined) ||
        // A ticket about another model, list or reply is void for its caller, which examines it no further.
        [...evidence].sort().join() !== 'context,payee,price,provider' ||
        Object.entries(DECLINED).some(([what, reason]) => declined[what]?.includes(reason) !== true),
    };
  },
});

/** @returns why the gateway took no ticket. */
async function match(
  lie: (true_: Ticket) => Partial<Ticket>,
  evidence: string[],
  what: string,
): Promise<string | undefined> {
  const onMisrouted = ({ signed, candidates }: Pick<Match, 'signed' | 'candidates'>): void => {
    const { ok, ticket } = verifyTicket(crypto, signed, { nowMs: NOW_MS });
    if (!ok || ticket === undefined || !isNamedList(crypto, { ticket, candidates })) return;
    if (findMisrouting(crypto, { ticket, candidates }) !== undefined) evidence.push(what);
  };
  const links = { to: () => ({ route: async (asked: RouteRequest) => answer(asked, lie) }) } as unknown as LinkPool;
  const matches = createProviderMatch(
    { maxPricePer1kAtomic: 1_000n, busyPatienceMs: 0, onMisrouted },
    {
      routers: createRouters({ routers: [{} as Peer] }, { links }),
      earnings: { heldFor: async () => 0n },
      clock: { nowMs: () => NOW_MS },
    },
  );
  const query = { model: MODEL, replyId: fill(16, 3), requestHash: fill(32, 9), contextSize: 600 };
  const wanted = { ...query, demands: NO_DEMANDS, preference: NO_PREFERENCE, exclude: [] };
  return matches.match({ ...wanted, signal: new AbortController().signal }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

function answer({ replyId, maxPricePer1k, contextSize }: RouteRequest, lie: (true_: Ticket) => Partial<Ticket>) {
  const asked = { modelId: MODEL, maxPricePer1kAtomic: maxPricePer1k, contextSize, exclude: [], nowMs: NOW_MS };
  const candidates = encodeCandidates(selectCandidates(offers, { ...asked, sort: 'none' }));
  const {
    providerId,
    payee,
    pricePer1kAtomic,
    contextSize: room,
  } = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId)) as Candidate;
  const ticket: Ticket = {
    ...{ router: fill(20, 5), modelId: MODEL, providerId, providerEndpoint: '127.0.0.1:9' },
    ...{ providerCertHash: fill(32, 8), payee, modelRoot: fill(32, 7), pricePer1kAtomic, contextSize: room, replyId },
    ...{ candidatesHash: hashCandidates(crypto, candidates), issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 },
  };
  return { ticket: signTicket(routerSigner, { ...ticket, ...lie(ticket) }), candidates };
}

/** @returns why the provider did not serve. */
async function order({ client, order: compose }: Network, bend: Bend): Promise<string | undefined> {
  try {
    for await (const _ of client.service(ProviderService).generate(compose(bend)));
    return undefined;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return error.message;
  }
}
