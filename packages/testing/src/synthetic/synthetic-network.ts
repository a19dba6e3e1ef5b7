import type { NetworkDocument } from '@ogong/protocol/network/network-document';

const ISSUED_MS = 1_800_000_000_000;

/** A document of a network with one router, one relay, and two models. */
export const createSyntheticNetwork = (change: Partial<NetworkDocument> = {}): NetworkDocument => ({
  issuedAtMs: ISSUED_MS,
  expiresAtMs: ISSUED_MS + 3_600_000,
  deployment: JSON.stringify({ chainId: 31337, rpcUrl: 'http://127.0.0.1:4545', block: 1 }),
  parameters: { periodSeconds: 86_400, entranceAtomic: 10n ** 16n },
  routers: [{ endpoint: 'router.example:4544', certHash: new Uint8Array(32).fill(1) }],
  relays: [{ endpoint: 'relay.example:4547', certHash: new Uint8Array(32).fill(2) }],
  models: [
    {
      ...{ id: 'ogong/verified/acme/small', modelRoot: new Uint8Array(32).fill(3), modality: 'text' },
      ...{ source: 'hf:acme/small:q8_0', pricePer1kAtomic: 10n ** 15n, contextSize: 4_096 },
      ...{ providers: 3, verifiers: 3, stakedVerifiers: 2, slots: 12, freeSlots: 5 },
      ...{ milliTokensPerSecond: 20_500, milliDemand: 0 },
    },
    {
      ...{ id: 'ogong/verified/acme/wanted', modelRoot: new Uint8Array(32), modality: '' },
      ...{ source: '', pricePer1kAtomic: 0n, contextSize: 0 },
      ...{ providers: 0, verifiers: 0, stakedVerifiers: 0, slots: 0, freeSlots: 0 },
      ...{ milliTokensPerSecond: 0, milliDemand: 2_500 },
    },
  ],
  ...change,
});
