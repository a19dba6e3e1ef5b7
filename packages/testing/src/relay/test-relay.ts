import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import { systemClock } from '@ogong/host/time/clock';
import { type BlindRelay, createRelay, type RelayOptions } from '@ogong/router/relay/relay';
import type { RelayPayments } from '@ogong/router/relay/relay-payments';
import { makeIdentity } from '../link/link-fixture.ts';

const LINK = 71;

/** A relay on loopback. The same address starts the same relay again. */
export async function startTestRelay({
  bind = { host: '127.0.0.1', port: 0 },
  payments,
  ...options
}: Partial<RelayOptions> & { readonly payments?: RelayPayments } = {}): Promise<
  BlindRelay & { readonly peer: KnownPeer; readonly steps: ReplySteps }
> {
  const identity = await makeIdentity(LINK);
  const metrics = createMetrics('relay');
  const relay = createRelay(
    { bind, accountIntervalMs: 20, ...options },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, identity },
      signer: createNodeHybridSigner(new Uint8Array(64).fill(72)),
      randomBytes: () => new Uint8Array(randomBytes(32)),
      log: createLogger({ name: 'relay', level: 'error' }),
      metrics,
      payments,
    },
  );
  await relay.start();
  return { ...relay, peer: { endpoint: relay.address(), certHash: identity.id }, steps: metrics.steps };
}
