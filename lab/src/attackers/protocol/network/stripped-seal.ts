import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { Refusal } from '@ogong/host/link/link-error';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner } from '@ogong/protocol/crypto/noble';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import { ledger, type Network } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

/** `denies`: it says that the provider seals nothing. `replaces`: it shows a key of its own, under its own name or the provider's. */
export const STRIPPINGS = ['denies', 'replaces', 'replaces under its own name'] as const;
export type Stripping = (typeof STRIPPINGS)[number];

export interface StrippedSeal {
  readonly network: Network;
  readonly by: Stripping;
  /** Stands in the prompt. */
  readonly marker: string;
}

export interface StrippedOutcome {
  /** What the gateway said; undefined where it called in spite of it. */
  readonly refused: string | undefined;
  readonly seenBytes: number;
  /** The prompt stands in what it saw. */
  readonly read: boolean;
}

const own = createNobleHybridSigner(new Uint8Array(64).fill(0x5e));
const ownKey = nodeSeal.openKemKey(new Uint8Array(32).fill(0x5e)).publicKey;

/** A key that the attacker can open with. */
function forgeKey(providerId: Uint8Array): SignedSealKey {
  const nowMs = Date.now();
  return signSealKey(own, {
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId },
    ...{ sequence: 2n ** 62n, issuedAtMs: nowMs, expiresAtMs: nowMs + 600_000, key: ownKey },
  });
}

function bend(by: Stripping, providerId: Uint8Array, { providerKey }: SignedSealKey): SignedSealKey {
  if (by === 'denies') throw new Refusal('unsupported', 'no such call');
  if (by === 'replaces under its own name') return forgeKey(hashHybridKey(crypto, own.publicKey));
  return { ...forgeKey(providerId), providerKey };
}

/** Whoever ends the provider's TLS tries to have a request sent so that it can read it. */
export const strippedSeal: ProtocolAttack<StrippedSeal, Promise<StrippedOutcome>> = {
  name: 'stripped-seal',
  adversary: "relay with the provider's TLS key that removes or replaces the seal",
  aim: 'read the prompts that it carries',
  stoppedBy: "The provider's identity signs the seal key; where seals are required nothing is sent in plain",
  restarts: ['provider'],
  async play({ network, by, marker }, breaks = NO_BREAKS) {
    breaks.add('provider', network.restart);
    const providerId = network.provider.id;
    const relay = { bendKey: (key: SignedSealKey) => bend(by, providerId, key) };
    const calls = await openRelayedCalls(network, { relay, policy: 'required' });
    try {
      await breaks.take();
      const refused = await calls.call({ body: { messages: [{ role: 'user', content: marker }] } }).then(
        () => undefined,
        (error: Error) => error.message,
      );
      const seenBytes = calls.seen.reduce((sum, { length }) => sum + length, 0);
      return { refused, seenBytes, read: calls.isSeen(marker) };
    } finally {
      await calls.close();
    }
  },
};
