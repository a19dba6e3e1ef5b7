import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { Refusal } from '@ogong/host/link/link-error';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner } from '@ogong/protocol/crypto/noble';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import { createNetwork, ledger, type Network } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { defineAttack } from '../define-attack.ts';

/** `denies`: it says that the provider seals nothing. `replaces`: it shows a key of its own, under its own name or the provider's. */
export const STRIPPINGS = ['denies', 'replaces', 'replaces under its own name'] as const;
export type Stripping = (typeof STRIPPINGS)[number];

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

/** A relay that ends the provider's TLS tries to make a gateway send a request that the relay can read. */
export const strippedSeal = defineAttack({
  name: 'stripped-seal',
  adversary: "relay with the provider's TLS key that removes or replaces the seal",
  aim: 'read the prompts that it carries',
  stoppedBy: "The provider's identity signs the seal key; where seals are required nothing is sent in plain",
  restarts: ['provider'],
  async play(
    { network, by, marker }: { readonly network: Network; readonly by: Stripping; readonly marker: string },
    breaks,
  ) {
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
  async stage({ play, keep }) {
    const network = keep(await createNetwork());
    const given = { network, by: 'denies', marker: 'words that stand in no ciphertext' } as const;
    const { refused, seenBytes, read } = await play(given);
    return {
      tried: 'stood before a provider, and told a gateway that requires seals that this provider has no seal key',
      answered: [refused ?? 'the gateway called', `${seenBytes} bytes of the request passed`],
      worked: refused === undefined || read,
    };
  },
});
