import { create, toBinary } from '@bufbuild/protobuf';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { createProviderCall, type ProviderEnd } from '@ogong/gateway/buy/provider-call';
import { createKnownSealKeys, type SealPolicy } from '@ogong/gateway/buy/seal/seal-keys';
import { LinkError, Refusal } from '@ogong/host/link/link-error';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import {
  type EvidenceAnswer,
  type GenerateEvent,
  GenerateEventSchema,
  type GenerateRequest,
  GenerateRequestSchema,
  type Milestone,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SEAL_SUITE, type SealSuite } from '@ogong/protocol/sealing/seal-context';
import type { SignedSealKey } from '@ogong/protocol/sealing/seal-key';
import { makeIdentity } from '../link/link-fixture.ts';
import { startLoopbackServer } from '../network/loopback-server.ts';
import { type Bend, ledger, type Network } from './provider-fixture.ts';

const TIMES = { firstTokenTimeoutMs: 20_000, idleTimeoutMs: 20_000, totalTimeoutMs: 60_000 };

/** Changes of a party between gateway and provider. It ends TLS itself, so it sees the bytes before they are encrypted for the wire. */
export interface Relay {
  readonly bendKey?: (key: SignedSealKey) => SignedSealKey;
  readonly bendEvidence?: (answer: EvidenceAnswer) => EvidenceAnswer;
  readonly bendRequest?: (message: GenerateRequest) => GenerateRequest;
  /** @param events in order of arrival. */
  readonly bendEvents?: (events: readonly GenerateEvent[]) => readonly GenerateEvent[];
}

export interface RelayedCallOptions {
  readonly onMilestone?: (milestone: Milestone) => void;
  /** Default: 1. */
  readonly sealSuite?: SealSuite;
}

/** A relay between a gateway and a provider, and the bytes that it saw. */
export interface RelayedCalls {
  /** The gateway's own call, sealed as its policy says. @throws ApiError */
  call(bend?: Bend, options?: RelayedCallOptions): Promise<ProviderEnd & { readonly text: string }>;
  /** The machine's answer to a caller without the relay. */
  askMachine(nonce: Uint8Array): Promise<EvidenceAnswer>;
  /** Every byte that passed, before TLS. */
  readonly seen: readonly Uint8Array[];
  readonly orders: readonly GenerateRequest[];
  isSeen(text: string): boolean;
  close(): Promise<void>;
}

/** Passes a refusal of the provider on, with the provider's text and its sealed words. */
function passRefusal(error: unknown): never {
  if (!(error instanceof LinkError) || error.refusal === undefined) throw error;
  throw new Refusal(error.refusal, error.message, error.sealedWords);
}

/** Lists the bytes of an error that a carrier sees. */
function listErrorBytes(error: unknown): Uint8Array[] {
  if (!(error instanceof LinkError)) return [utf8Encode(String(error))];
  const { code, refusal = '', message, sealedWords = new Uint8Array() } = error;
  return [utf8Encode(`${code} ${refusal} ${message}`), sealedWords];
}

/** A gateway's calls to a provider, through a relay. */
export async function openRelayedCalls(
  network: Network,
  {
    relay = {},
    policy = 'auto',
    machinePolicy,
    findMachineProblem,
    clock = systemClock,
  }: {
    readonly relay?: Relay;
    readonly policy?: SealPolicy;
    readonly machinePolicy?: MachinePolicy;
    readonly findMachineProblem?: ChainView['findMachineProblem'];
    readonly clock?: Pick<Clock, 'nowMs'>;
  } = {},
): Promise<RelayedCalls> {
  const seen: Uint8Array[] = [];
  const orders: GenerateRequest[] = [];
  const identity = await makeIdentity(7);
  const provider = () => network.client.service(ProviderService);
  const server = await startLoopbackServer(
    (router) =>
      router.service(ProviderService, {
        async getSealKey() {
          const key = await provider().getSealKey({});
          return relay.bendKey?.(key) ?? key;
        },
        async getEvidence(asked) {
          const answer = await provider().getEvidence(asked).catch(passRefusal);
          return relay.bendEvidence?.(answer) ?? answer;
        },
        async *generate(message) {
          seen.push(toBinary(GenerateRequestSchema, message));
          orders.push(message);
          const events: GenerateEvent[] = [];
          try {
            for await (const event of provider().generate(relay.bendRequest?.(message) ?? message)) {
              seen.push(toBinary(GenerateEventSchema, event));
              events.push(event);
            }
          } catch (error) {
            seen.push(...listErrorBytes(error));
            passRefusal(error);
          }
          yield* relay.bendEvents?.(events) ?? events;
        },
      }),
    { identity },
  );
  const links = createLinkPool({ identity: await makeIdentity(2), dialPolicy: 'any' });
  const keys = createKnownSealKeys(policy, { links, clock, ledger, machinePolicy, findMachineProblem });
  const providers = createProviderCall(TIMES, { links, sealing: { keys, ledger } });
  return {
    seen,
    orders,
    isSeen: (text) => seen.some((bytes) => Buffer.from(bytes).includes(text)),
    askMachine: (nonce) => provider().getEvidence({ nonce }),
    async call(bend = {}, options = {}) {
      const { order, ticket: signed, request, endpoint } = network.order(bend);
      if (order === undefined || signed === undefined) throw new Error('no order');
      const way = { providerEndpoint: server.endpoint, providerCertHash: identity.id };
      const match = { ticket: { ...parseTicket(signed.ticket), ...way }, signed, candidates: new Uint8Array() };
      const events = providers.generate({
        ...{
          match,
          order,
          request,
          endpoint,
          beacon: new Uint8Array(),
          cacheScope: new Uint8Array([1]),
          maxTokens: 4_096,
        },
        ...{ topLogprobs: undefined, signal: new AbortController().signal, ...options },
      });
      let text = '';
      for (;;) {
        const next = await events.next();
        if (next.done) return { ...next.value, text };
        text += next.value.text;
      }
    },
    async close() {
      links.close();
      await server.stop();
    },
  };
}

/** Changes that a relay can make to the units of a reply. */
export const UNIT_BENDS: Readonly<Record<string, (units: readonly GenerateEvent[]) => readonly GenerateEvent[]>> = {
  'drops the first unit': (units) => units.slice(1),
  'drops one in the middle': (units) => units.toSpliced(2, 1),
  'swaps two': ([a, b, c, ...rest]) => [a, c, b, ...rest] as GenerateEvent[],
  'repeats one': (units) => [...units.slice(0, 2), ...units.slice(1)],
};

/** Changes the sealed parts of a reply, and leaves the rest. */
export const bendUnits =
  (bend: (units: readonly GenerateEvent[]) => readonly GenerateEvent[]) =>
  (events: readonly GenerateEvent[]): readonly GenerateEvent[] => [
    ...events.filter(({ event }) => event.case === 'started'),
    ...bend(events.filter(({ event }) => event.case === 'sealed')),
    ...events.filter(({ event }) => event.case === 'finished'),
  ];

const suiteAt = (tag: string): number => utf8Encode(tag).length;
const writeSuite = (bytes: Uint8Array, tag: string): Uint8Array => bytes.with(suiteAt(tag), SEAL_SUITE);

/** Ways to downgrade a call that demands suite 2 to suite 1, whose one secret opens all of a reply. */
export const SUITE_BENDS: Readonly<Record<string, Relay>> = {
  'writes suite 1 into the request': {
    bendRequest: (message) =>
      create(GenerateRequestSchema, { ...message, sealed: writeSuite(message.sealed, 'ogong-sealed-request-v1\n') }),
  },
  'writes suite 1 into the reply': {
    bendEvents: (events) =>
      events.map((one) => {
        const { event } = one;
        if (event.case !== 'sealed' || event.value.head.length === 0) return one;
        const head = writeSuite(event.value.head, 'ogong-sealed-reply-v1\n');
        return create(GenerateEventSchema, { event: { case: 'sealed', value: { ...event.value, head } } });
      }),
  },
};
